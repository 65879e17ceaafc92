package upgrade_test

// The tables of the earlier releases.
const (
	oldCommon = `
create schema ews;
create table ews.configuration (
	id bigserial primary key, client_id text not null, client_secret text not null, tenant_id text not null,
	ews_url text not null, username text not null, password text not null,
	service_user_upn text not null, room_list_upn text not null, booking_app_url text not null,
	refresh_interval integer not null default 60, request_timeout integer not null default 120,
	asset_filter json, active boolean default false, enable boolean default false, project_ids text[], user_id text);
create table ews.asset (
	id bigserial primary key,
	configuration_id bigint not null references ews.configuration (id) on delete cascade,
	project_id text not null, global_asset_id text not null, provider_id text not null, asset_id integer, sync_state text not null);
`
	// Databases begun before May 2024.
	withoutColumns = `alter table ews.configuration drop column ews_url, drop column username, drop column password;`

	generation1 = `
create table ews.booking (
	id bigserial primary key, exchange_id text unique, exchange_uid text, exchange_mailbox text, booking_id integer);
`
	withoutMailbox = `alter table ews.booking drop column exchange_mailbox;`

	generation2 = `
create table ews.unified_booking (
	id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, booking_id integer unique);
create table ews.room_booking (
	id bigserial primary key,
	unified_booking_id bigint not null references ews.unified_booking (id) on delete cascade, exchange_id text unique);
`
	generation3 = `
create table ews.booking_group (
	id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, eliona_group_id integer unique);
create table ews.booking_occurrence (
	id bigserial primary key, booking_group_id bigint not null references ews.booking_group (id) on delete cascade,
	exchange_instance_index integer not null, eliona_booking_id integer unique,
	unique (booking_group_id, exchange_instance_index));
create table ews.room_booking (
	id bigserial primary key,
	booking_occurrence_id bigint not null references ews.booking_occurrence (id) on delete cascade, exchange_id text unique);
`
	stray = `
create table ews.unified_booking (
	id bigserial primary key, exchange_uid text unique, exchange_organizer_mailbox text, booking_id integer unique);
`

	oldConfigurations = `
insert into ews.configuration (client_id, client_secret, tenant_id, ews_url, username, password,
	service_user_upn, room_list_upn, booking_app_url, refresh_interval, request_timeout, active, enable, project_ids, user_id)
values ('client', 'secret', 'tenant', 'https://left.over/', '', '', 'eliona@example.com', 'list@example.com', 'http://booking:3000/v1',
	0, 100000, true, true, '{10,11}', '42');
`
	oldAssets = `
insert into ews.asset (configuration_id, project_id, global_asset_id, provider_id, asset_id, sync_state) values
	(1, '10', 'ews_root', '', 1, ''),
	(1, '10', 'ews_room_Lake@Example.com', 'Lake@Example.com', null, 'H4sI'),
	(1, '10', 'ews_room_Lake@Example.com', 'Lake@Example.com', 7, 'H4sI'),
	(1, '10', 'ews_room_Lake@Example.com', 'Lake@Example.com', 8, ''),
	(1, '11', 'ews_room_Lake@Example.com', 'Lake@Example.com', 9, ''),
	(1, '10', 'ews_room_hill@example.com', 'hill@example.com', 10, '');
`

	hexUID  = `040000008200E00074C5B7101A82E00807E80A0FC0FFEE00112233000000000000000010000000aabbccddeeff00112233445566778899`
	goodUID = `040000008200E00074C5B7101A82E00800000000C0FFEE00112233000000000000000010000000AABBCCDDEEFF00112233445566778899`
)
