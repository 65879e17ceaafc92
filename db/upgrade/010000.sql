-- Tables that releases 0.1 to 0.4 have in common, brought to the schema of 1.0.
-- Runs only where ews.configuration has no column "version" yet.

-- Databases begun before May 2024 lack some of the older columns.
alter table ews.configuration
    add column if not exists client_id        text,
    add column if not exists client_secret    text,
    add column if not exists tenant_id        text,
    add column if not exists ews_url          text,
    add column if not exists username         text,
    add column if not exists password         text,
    add column if not exists service_user_upn text,
    add column if not exists room_list_upn    text,
    add column if not exists booking_app_url  text,
    add column if not exists refresh_interval integer,
    add column if not exists request_timeout  integer,
    add column if not exists asset_filter     json,
    add column if not exists active           boolean,
    add column if not exists enable           boolean,
    add column if not exists project_ids      text[],
    add column if not exists user_id          text,
    add column authority_url     text    not null default '',
    add column oauth_scope       text    not null default '',
    add column ca_certificates   text    not null default '',
    add column allow_plain_http  boolean not null default false,
    add column horizon_days      integer not null default 180,
    add column answer_timeout    integer not null default 60,
    add column booking_subject   text    not null default '',
    add column notify_users      boolean not null default true,
    add column version           bigint  not null default 1,
    add column owner_epoch       bigint  not null default 0,
    add column status            text    not null default '',
    add column status_code       text    not null default '',
    add column status_since      timestamptz,
    add column created_at        timestamptz not null default now(),
    add column updated_at        timestamptz not null default now();

update ews.configuration set
    client_id        = coalesce(client_id, ''),
    client_secret    = coalesce(client_secret, ''),
    tenant_id        = coalesce(tenant_id, ''),
    ews_url          = coalesce(ews_url, ''),
    username         = coalesce(username, ''),
    password         = coalesce(password, ''),
    service_user_upn = coalesce(service_user_upn, ''),
    room_list_upn    = coalesce(room_list_upn, ''),
    booking_app_url  = coalesce(booking_app_url, ''),
    -- Any number was accepted; one below 1 meant "as fast as possible".
    refresh_interval = least(greatest(coalesce(refresh_interval, 60), 1), 86400),
    -- It was stored and never used: below 1 there is nothing to keep.
    request_timeout  = case when coalesce(request_timeout, 0) < 1 then 120 else least(request_timeout, 600) end,
    active           = false,
    enable           = coalesce(enable, false);

-- With a complete set for OAuth the address was ignored, now it would be used.
update ews.configuration set ews_url = ''
where btrim(client_id) <> '' and client_secret <> '' and btrim(tenant_id) <> '';

-- What worked without encryption goes on working; it now needs a permission.
update ews.configuration set allow_plain_http = true where ews_url ~* '^\s*http://';

alter table ews.configuration
    alter column client_id        set default '', alter column client_id        set not null,
    alter column client_secret    set default '', alter column client_secret    set not null,
    alter column tenant_id        set default '', alter column tenant_id        set not null,
    alter column ews_url          set default '', alter column ews_url          set not null,
    alter column username         set default '', alter column username         set not null,
    alter column password         set default '', alter column password         set not null,
    alter column service_user_upn set default '', alter column service_user_upn set not null,
    alter column room_list_upn    set default '', alter column room_list_upn    set not null,
    alter column booking_app_url  set default '', alter column booking_app_url  set not null,
    alter column refresh_interval set default 60, alter column refresh_interval set not null,
    alter column request_timeout  set default 120, alter column request_timeout set not null,
    alter column active           set default false,
    alter column enable           set default false;

alter table ews.asset
    add column if not exists sync_state text,
    add column described_at timestamptz;

update ews.asset set
    provider_id = lower(btrim(provider_id)),
    asset_id    = nullif(asset_id, 0),
    sync_state  = coalesce(sync_state, '');

-- Races left several rows of one asset. The one that knows the asset counts.
delete from ews.asset a using (
    select id, row_number() over (
        partition by configuration_id, project_id, global_asset_id
        order by asset_id is null, id) as place
    from ews.asset) as ranked
where ranked.id = a.id and ranked.place > 1;

alter table ews.asset
    alter column sync_state set default '', alter column sync_state set not null,
    add unique (configuration_id, project_id, global_asset_id);
