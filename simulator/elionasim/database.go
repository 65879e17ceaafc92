package elionasim

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// schemaLock serialises simulators that prepare the same database at once.
const schemaLock = 7_310_425_201

// schema creates what an app expects of an Eliona database and what is
// missing. The tables after versioning.patches exist only because the script
// that resets an app deletes from them; the simulator keeps that content in
// memory and neither reads nor writes them.
const schema = `
create schema if not exists versioning;

create table if not exists public.eliona_app (
	app_name       text primary key,
	enable         boolean not null default false,
	version        text,
	created_at     timestamptz not null default now(),
	initialized_at timestamptz
);

create table if not exists public.eliona_store (
	app_name   text primary key,
	category   text not null default 'app',
	version    text,
	metadata   json,
	icon       text,
	created_at timestamptz not null default now()
);

create table if not exists versioning.patches (
	app_name    text not null,
	patch_name  text not null,
	applied_tsz timestamptz not null default now(),
	applied_by  text not null default current_user,
	primary key (app_name, patch_name)
);

create table if not exists public.asset_type (asset_type text primary key);
create table if not exists public.attribute_schema (
	asset_type text not null, subtype text not null, attribute text not null,
	unique (asset_type, subtype, attribute));
create table if not exists public.asset (
	asset_id serial primary key, asset_type text, gai text, proj_id text, unique (gai, proj_id));
create table if not exists public.heap (
	asset_id integer not null, subtype text not null, asset_type text, data jsonb,
	primary key (asset_id, subtype));
`

// fixPrivilege grants a role what it needs to work in the schema of an app. A
// schema or a role that does not exist is left alone: callers also try other
// spellings of the app's name.
const fixPrivilege = `
do $do$ begin
if to_regprocedure('public.fixprivilege(text,text)') is null then
	create function public.fixprivilege(schema_name text, role_name text) returns void language plpgsql as $fn$
	begin
		if not exists (select from pg_namespace where nspname = schema_name)
			or not exists (select from pg_roles where rolname = role_name) then
			return;
		end if;
		execute format('grant usage on schema %I to %I', schema_name, role_name);
		execute format('grant all on all tables in schema %I to %I', schema_name, role_name);
		execute format('grant all on all sequences in schema %I to %I', schema_name, role_name);
		execute format('grant all on all functions in schema %I to %I', schema_name, role_name);
		execute format('alter default privileges in schema %I grant all on tables to %I', schema_name, role_name);
		execute format('alter default privileges in schema %I grant all on sequences to %I', schema_name, role_name);
	end $fn$;
end if;
end $do$;
`

// databaseRegistration keeps the registration where Eliona keeps it.
type databaseRegistration struct {
	pool *pgxpool.Pool
}

func openDatabaseRegistration(ctx context.Context, connection string, apps []string) (*databaseRegistration, error) {
	pool, err := pgxpool.New(ctx, connection)
	if err != nil {
		return nil, fmt.Errorf("opening the registration database: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
			return err
		}
		for _, ddl := range []string{schema, fixPrivilege} {
			if _, err := tx.Exec(ctx, ddl); err != nil {
				return err
			}
		}
		for _, app := range apps {
			if _, err := tx.Exec(ctx, `insert into public.eliona_store (app_name, category, version)
				values ($1, 'app', 'v0.0.0') on conflict do nothing`, app); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `insert into public.eliona_app (app_name, enable, version)
				values ($1, true, 'v0.0.0') on conflict do nothing`, app); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("preparing the registration database: %w", err)
	}
	return &databaseRegistration{pool: pool}, nil
}

func (d *databaseRegistration) app(ctx context.Context, name string) (App, error) {
	app := App{Name: name}
	err := d.pool.QueryRow(ctx, `
		select coalesce(a.enable, false), a.initialized_at is not null, coalesce(a.version, ''), s.metadata
		from public.eliona_app a left join public.eliona_store s using (app_name)
		where a.app_name = $1`, name).Scan(&app.Active, &app.Registered, &app.Version, &app.Metadata)
	if errors.Is(err, pgx.ErrNoRows) {
		return App{}, errNotFound
	}
	if err != nil {
		return App{}, fmt.Errorf("reading app %s: %w", name, err)
	}
	return app, nil
}

func (d *databaseRegistration) setRegistered(ctx context.Context, name string, registered bool) error {
	tag, err := d.pool.Exec(ctx, `
		update public.eliona_app set initialized_at = case when $2 then now() end where app_name = $1`, name, registered)
	if err != nil {
		return fmt.Errorf("registering app %s: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return errNotFound
	}
	return nil
}

func (d *databaseRegistration) patchApplied(ctx context.Context, app, patch string) (bool, error) {
	if _, err := d.app(ctx, app); err != nil {
		return false, err
	}
	var applied bool
	err := d.pool.QueryRow(ctx, `
		select exists (select from versioning.patches where app_name = $1 and patch_name = $2)`, app, patch).Scan(&applied)
	if err != nil {
		return false, fmt.Errorf("reading patch %s of app %s: %w", patch, app, err)
	}
	return applied, nil
}

func (d *databaseRegistration) setPatchApplied(ctx context.Context, app, patch string, applied bool) error {
	if _, err := d.app(ctx, app); err != nil {
		return err
	}
	statement := `delete from versioning.patches where app_name = $1 and patch_name = $2`
	if applied {
		statement = `insert into versioning.patches (app_name, patch_name) values ($1, $2) on conflict do nothing`
	}
	if _, err := d.pool.Exec(ctx, statement, app, patch); err != nil {
		return fmt.Errorf("recording patch %s of app %s: %w", patch, app, err)
	}
	return nil
}

func (d *databaseRegistration) close() { d.pool.Close() }
