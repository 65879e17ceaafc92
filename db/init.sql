-- Schema of the Exchange app. Idempotent: it may run again on an initialised
-- database and changes nothing there.
--
-- The constraints carry the invariants of the synchronisation; see
-- docs/decisions for the reasons behind the keys.

create schema if not exists ews;

-- One row: names this installation in every identifier it writes elsewhere.
create table if not exists ews.installation (
    only_row boolean primary key default true check (only_row),
    id       uuid not null default gen_random_uuid()
);
insert into ews.installation default values on conflict do nothing;

-- Logical clock: orders observations and own writes independently of wall clocks.
create sequence if not exists ews.tick;

create table if not exists ews.configuration (
    id                bigserial primary key,
    client_id         text    not null default '',
    client_secret     text    not null default '',
    tenant_id         text    not null default '',
    ews_url           text    not null default '',
    username          text    not null default '',
    password          text    not null default '',
    service_user_upn  text    not null default '',
    room_list_upn     text    not null default '',
    booking_app_url   text    not null default '',
    refresh_interval  integer not null default 60,
    request_timeout   integer not null default 120,
    asset_filter      json,
    active            boolean default false,
    enable            boolean default false,
    project_ids       text[],
    user_id           text,
    authority_url     text    not null default '',
    oauth_scope       text    not null default '',
    ca_certificates   text    not null default '',
    allow_plain_http  boolean not null default false,
    horizon_days      integer not null default 180,
    answer_timeout    integer not null default 60,
    booking_subject   text    not null default '',
    notify_users      boolean not null default true,
    version           bigint  not null default 1,
    owner_epoch       bigint  not null default 0,
    status            text    not null default '',
    status_code       text    not null default '',
    status_since      timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);

alter table ews.configuration add column if not exists streaming boolean not null default true;
alter table ews.configuration add column if not exists max_concurrent_requests integer not null default 10;
alter table ews.configuration add column if not exists max_requests_per_minute integer not null default 6000;
alter table ews.configuration add column if not exists time_zone text not null default '';
alter table ews.configuration add column if not exists organizer_domains text[] not null default '{}';
alter table ews.configuration add column if not exists linked_at timestamptz;

-- The process that works on a configuration, and what it last said of itself.
create table if not exists ews.leader (
    configuration_id bigint  primary key references ews.configuration (id) on delete cascade,
    host             text    not null,
    pid              integer not null,
    since            timestamptz not null default now(),
    connected_at     timestamptz, -- null: not connected to the Booking app
    heard_at         timestamptz, -- last message of the Booking app
    compared_at      timestamptz, -- last comparison of all bookings
    wait_until       timestamptz, -- Exchange asked for a pause until then
    compare          boolean not null default false -- somebody asks for a comparison
);
-- Rooms whose changes Exchange tells at once, and since when it is that many.
alter table ews.leader add column if not exists watched_rooms integer not null default 0;
alter table ews.leader add column if not exists watched_at timestamptz;

create table if not exists ews.asset (
    id               bigserial primary key,
    configuration_id bigint  not null references ews.configuration (id) on delete cascade,
    project_id       text    not null,
    global_asset_id  text    not null,
    provider_id      text    not null,
    asset_id         integer,
    sync_state       text    not null default '',
    described_at     timestamptz,
    unique (configuration_id, project_id, global_asset_id)
);
create index if not exists asset_provider on ews.asset (configuration_id, provider_id);
create index if not exists asset_number on ews.asset (asset_id);

-- A room mailbox of one configuration, with the position in its change feed.
create table if not exists ews.room (
    id               bigserial primary key,
    configuration_id bigint  not null references ews.configuration (id) on delete cascade,
    mailbox          text    not null check (mailbox = lower(mailbox) and mailbox <> ''),
    name             text    not null default '',
    retired_at       timestamptz,
    sync_state       text    not null default '',
    token_version    bigint  not null default 0,
    delta_gen        bigint  not null default 1,
    read_gen         bigint  not null default 0,
    poll_at          timestamptz not null default now(),
    audit_at         timestamptz not null default now(),
    fail_count       integer not null default 0,
    error_code       text    not null default '',
    guard_since      timestamptz,
    guard_gone       integer not null default 0,
    polled_at        timestamptz,
    read_at          timestamptz,
    unique (configuration_id, mailbox),
    unique (id, configuration_id)
);
create index if not exists room_poll on ews.room (configuration_id, poll_at) where retired_at is null;

-- The assets that a configuration works on. Where configurations overlap, so
-- that an asset belongs to several, the oldest enabled one has it: otherwise a
-- booking would become a meeting twice.
create or replace view ews.owned_asset as
select a.configuration_id, a.provider_id, a.asset_id
from ews.asset a
where a.asset_id is not null
  and not exists (
    select from ews.asset b
    join ews.configuration c on c.id = b.configuration_id and c.enable
    join ews.room r on r.configuration_id = b.configuration_id and r.mailbox = b.provider_id and r.retired_at is null
    where b.asset_id = a.asset_id and b.configuration_id < a.configuration_id);

-- The rooms that a configuration works on: those of the room list, except those
-- whose assets all belong to another configuration.
create or replace view ews.active_room as
select r.id, r.configuration_id
from ews.room r
where r.retired_at is null
  and (exists (select from ews.owned_asset o where o.configuration_id = r.configuration_id and o.provider_id = r.mailbox)
    or not exists (select from ews.asset a where a.configuration_id = r.configuration_id
                     and a.provider_id = r.mailbox and a.asset_id is not null));

-- Items the change feed reported as deleted: evidence for the next full read.
create table if not exists ews.room_tombstone (
    room_id bigint not null references ews.room (id) on delete cascade,
    item_id text   not null,
    seen_at timestamptz not null default now(),
    primary key (room_id, item_id)
);

-- The unit of work. Dirty is want_gen > done_gen; due_at orders the work.
create table if not exists ews.meeting (
    id               bigserial primary key,
    configuration_id bigint  not null references ews.configuration (id) on delete cascade,
    uid              text    not null check (uid <> ''),
    origin           text    not null check (origin in ('exchange', 'eliona')),
    organizer        text    not null default '',
    private          boolean not null default false,
    booking_group_id integer check (booking_group_id > 0),
    ref              text    not null default '',
    copy_mailbox     text    not null default '',
    copy_item        text    not null default '',
    want_gen         bigint  not null default 1,
    done_gen         bigint  not null default 0,
    due_at           timestamptz,
    wanted_at        timestamptz, -- of the oldest change that is not carried over yet
    priority         smallint not null default 1,
    claim_token      uuid,
    claimed_until    timestamptz,
    attempts         integer not null default 0,
    failing_since    timestamptz,
    parked_code      text    not null default '',
    parked_at        timestamptz,
    error_code       text    not null default '',
    created_at       timestamptz not null default now(),
    unique (configuration_id, uid),
    unique (id, configuration_id)
);
create index if not exists meeting_due on ews.meeting (configuration_id, priority, due_at) where due_at is not null;
create index if not exists meeting_wanted on ews.meeting (configuration_id, priority) where wanted_at is not null;
create index if not exists meeting_group on ews.meeting (configuration_id, booking_group_id) where booking_group_id is not null;

-- One date of a meeting with what each side says of it, and what both last agreed on.
create table if not exists ews.occurrence (
    id               bigserial primary key,
    meeting_id       bigint  not null,
    configuration_id bigint  not null,
    recurrence_key   text    not null default '',
    booking_id       integer check (booking_id > 0),
    base_live        boolean not null default false,
    base_start       timestamptz,
    base_end         timestamptz,
    bk_live          boolean not null default false,
    bk_start         timestamptz,
    bk_end           timestamptz,
    bk_assets        integer[] not null default '{}',
    bk_tick          bigint  not null default 0,
    copy_state       text    not null default 'none' check (copy_state in ('none', 'live', 'gone')),
    copy_start       timestamptz,
    copy_end         timestamptz,
    copy_checked_at  timestamptz,
    ex_tick          bigint  not null default 0,
    asked_at         timestamptz,
    asked_by         text    not null default '' check (asked_by in ('', 'us', 'them')),
    refusal          text    not null default '' check (refusal in ('', 'conflict', 'error')),
    refusal_code     text    not null default '',
    withdraw         boolean not null default false,
    foreign key (meeting_id, configuration_id) references ews.meeting (id, configuration_id) on delete cascade,
    unique (meeting_id, recurrence_key),
    unique (configuration_id, booking_id),
    check (not base_live or coalesce(base_end > base_start, false)),
    check (not bk_live or (coalesce(bk_end > bk_start, false) and booking_id is not null)),
    check (copy_state <> 'live' or coalesce(copy_end > copy_start, false)),
    check ((asked_at is null) = (asked_by = ''))
);
create index if not exists occurrence_asked on ews.occurrence (configuration_id, asked_at) where asked_at is not null;
create index if not exists occurrence_assets on ews.occurrence using gin (bk_assets) where bk_live;

-- One room of one occurrence.
create table if not exists ews.cell (
    occurrence_id bigint not null references ews.occurrence (id) on delete cascade,
    room_id       bigint not null references ews.room (id) on delete cascade,
    base_in       boolean not null default false,
    seen          text    not null default 'none' check (seen in ('none', 'pending', 'booked')),
    seen_start    timestamptz,
    seen_end      timestamptz,
    seen_sequence integer not null default 0,
    item_id       text    not null default '',
    change_key    text    not null default '',
    invited       boolean not null default false,
    answer        text    not null default 'none' check (answer in ('none', 'accepted', 'tentative', 'declined')),
    answered_at   timestamptz,
    answered_as   text    not null default '',
    seen_at       timestamptz not null default now(),
    primary key (occurrence_id, room_id),
    check (seen = 'none' or coalesce(seen_end > seen_start, false))
);
create index if not exists cell_room on ews.cell (room_id, seen_end);

-- Bookings we cancelled: an older read that still shows one proves nothing.
create table if not exists ews.booking_tombstone (
    configuration_id bigint  not null references ews.configuration (id) on delete cascade,
    booking_id       integer not null,
    tick             bigint  not null,
    at               timestamptz not null default now(),
    primary key (configuration_id, booking_id)
);

-- An effect on either side, recorded before it is sent.
create table if not exists ews.operation (
    id            bigserial primary key,
    meeting_id    bigint not null references ews.meeting (id) on delete cascade,
    occurrence_id bigint references ews.occurrence (id) on delete set null,
    side          text   not null check (side in ('exchange', 'booking')),
    kind          text   not null,
    mailbox       text   not null default '',
    assets        integer[] not null default '{}',
    starts_at     timestamptz,
    ends_at       timestamptz,
    status        text   not null default 'sending' check (status in ('sending', 'done', 'failed')),
    attempt       integer not null default 1,
    floor         integer not null default 0,
    reason        text   not null default '',
    result_code   text   not null default '',
    started_at    timestamptz not null default now(),
    finished_at   timestamptz
);
-- While it is in flight: the bookings to be made, by occurrence.
alter table ews.operation add column if not exists bookings jsonb;
create unique index if not exists operation_in_flight on ews.operation (meeting_id) where status = 'sending';
-- For the cascades.
create index if not exists operation_meeting on ews.operation (meeting_id);
create index if not exists operation_occurrence on ews.operation (occurrence_id) where occurrence_id is not null;

-- Bookings that an earlier app kept in step, by the UID of their meeting. Each
-- is linked to an occurrence once both sides have been read, see
-- docs/decisions/0008.
create table if not exists ews.legacy_booking (
    booking_id       integer primary key check (booking_id > 0),
    configuration_id bigint references ews.configuration (id) on delete set null,
    uid              text    not null check (uid <> ''),
    group_id         integer check (group_id > 0),
    organizer        text    not null default '',
    instance_index   integer not null default 0,
    starts_at        timestamptz,
    linked_at        timestamptz
);
create index if not exists legacy_booking_uid on ews.legacy_booking (uid) where linked_at is null;
create index if not exists legacy_booking_configuration on ews.legacy_booking (configuration_id);

-- What users were told: one open episode per subject and code.
create table if not exists ews.notice (
    id               bigserial primary key,
    configuration_id bigint not null references ews.configuration (id) on delete cascade,
    subject          text   not null,
    code             text   not null,
    episode          integer not null default 1,
    recipient        text   not null default '',
    project_id       text   not null default '',
    room             text   not null default '',
    starts_at        timestamptz,
    ends_at          timestamptz,
    amount           integer not null default 0,
    opened_at        timestamptz not null default now(),
    due_at           timestamptz not null default now(),
    sent_at          timestamptz,
    receipt_id       text   not null default '',
    closed_at        timestamptz,
    unique (configuration_id, subject, code, episode)
);
alter table ews.notice add column if not exists cause text not null default '';
create unique index if not exists notice_open on ews.notice (configuration_id, subject, code) where closed_at is null;
create index if not exists notice_unsent on ews.notice (configuration_id, due_at) where sent_at is null;

create table if not exists ews.api_audit (
    id               bigserial primary key,
    at               timestamptz not null default now(),
    user_id          text   not null default '',
    action           text   not null check (action in ('create', 'update', 'delete')),
    configuration_id bigint not null,
    fields           text[] not null default '{}'
);
