package conf

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/volatiletech/sqlboiler/v4/boil"
	"github.com/volatiletech/sqlboiler/v4/queries/qm"

	"ews/db/generated"
)

// What a repository refuses.
var (
	// ErrNotFound tells that no configuration has the id.
	ErrNotFound = errors.New("there is no such configuration")
	// ErrConflict tells that the configuration was changed since it was read.
	ErrConflict = errors.New("the configuration was changed at the same time")
)

// Repository stores configurations. It seals secrets on the way in and opens
// them on the way out, and keeps a record of who changed what.
type Repository struct {
	db   *sql.DB
	keys Keys
}

// NewRepository returns the repository on a database that has the schema.
func NewRepository(db *sql.DB, keys Keys) *Repository { return &Repository{db: db, keys: keys} }

// List returns all configurations, the oldest first.
func (r *Repository) List(ctx context.Context) ([]Configuration, error) {
	rows, err := generated.Configurations(columns(), qm.OrderBy(generated.ConfigurationColumns.ID)).All(ctx, r.db)
	if err != nil {
		return nil, fmt.Errorf("reading the configurations: %w", err)
	}
	list := make([]Configuration, 0, len(rows))
	for _, row := range rows {
		list = append(list, r.fromRow(row))
	}
	return list, nil
}

// Get returns one configuration, or ErrNotFound.
func (r *Repository) Get(ctx context.Context, id int64) (Configuration, error) {
	row, err := find(ctx, r.db, id)
	if err != nil {
		return Configuration{}, err
	}
	return r.fromRow(row), nil
}

// Insert stores a new configuration and returns it with its id. The caller is
// the Eliona user on whose behalf this happens; it may be empty.
func (r *Repository) Insert(ctx context.Context, c Configuration, caller string) (Configuration, error) {
	c = c.Normalized()
	row, err := toRow(c)
	if err != nil {
		return Configuration{}, err
	}
	row.Version = 1
	err = r.inTransaction(ctx, func(tx *sql.Tx) error {
		// The id comes first: sealed secrets are bound to it.
		const next = `select nextval(pg_get_serial_sequence('ews.configuration', 'id')), now()`
		if err := tx.QueryRowContext(ctx, next).Scan(&row.ID, &row.UpdatedAt); err != nil {
			return fmt.Errorf("reserving an id for the configuration: %w", err)
		}
		r.seal(row, c)
		insert := boil.Whitelist(append(settingColumns().Cols,
			generated.ConfigurationColumns.ID, generated.ConfigurationColumns.Active)...)
		if err := row.Insert(ctx, tx, insert); err != nil {
			return fmt.Errorf("inserting the configuration: %w", err)
		}
		return audit(ctx, tx, ActionCreate, caller, row.ID, changed(Default(), c))
	})
	if err != nil {
		return Configuration{}, err
	}
	return r.fromRow(row), nil
}

// Update replaces the settings of a configuration and raises its version. The
// version in c must be the stored one, else ErrConflict. Status is left alone.
// Active is false until the app works with the new settings; where they end the
// work, the app tells when it has ended.
func (r *Repository) Update(ctx context.Context, c Configuration, caller string) (Configuration, error) {
	c = c.Normalized()
	row, err := toRow(c)
	if err != nil {
		return Configuration{}, err
	}
	var stored *generated.Configuration
	err = r.inTransaction(ctx, func(tx *sql.Tx) error {
		before, err := find(ctx, tx, c.ID, qm.For("update"))
		if err != nil {
			return err
		}
		if before.Version != c.Version {
			return fmt.Errorf("updating configuration %d: %w", c.ID, ErrConflict)
		}
		if err := tx.QueryRowContext(ctx, `select now()`).Scan(&row.UpdatedAt); err != nil {
			return fmt.Errorf("reading the database's clock: %w", err)
		}
		row.Version = before.Version + 1
		r.seal(row, c)
		columns := settingColumns()
		if c.Enable {
			columns.Cols = append(columns.Cols, generated.ConfigurationColumns.Active)
		}
		if _, err := row.Update(ctx, tx, columns); err != nil {
			return fmt.Errorf("updating configuration %d: %w", c.ID, err)
		}
		if err := audit(ctx, tx, ActionUpdate, caller, c.ID, changed(r.fromRow(before), c)); err != nil {
			return err
		}
		stored, err = find(ctx, tx, c.ID)
		return err
	})
	if err != nil {
		return Configuration{}, err
	}
	return r.fromRow(stored), nil
}

// Delete removes a configuration with everything that depends on it.
func (r *Repository) Delete(ctx context.Context, id int64, caller string) error {
	return r.inTransaction(ctx, func(tx *sql.Tx) error {
		count, err := generated.Configurations(generated.ConfigurationWhere.ID.EQ(id)).DeleteAll(ctx, tx)
		if err != nil {
			return fmt.Errorf("deleting configuration %d: %w", id, err)
		}
		if count == 0 {
			return missing(id)
		}
		return audit(ctx, tx, ActionDelete, caller, id, []string{})
	})
}

func (r *Repository) seal(row *generated.Configuration, c Configuration) {
	row.ClientSecret = r.keys.Seal(row.ID, fieldClientSecret, c.ClientSecret)
	row.Password = r.keys.Seal(row.ID, fieldPassword, c.Password)
}

func (r *Repository) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := do(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("rolling back: %w", rollback))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// columns names the known columns, so that ones a later release adds do not
// disturb this one while both run.
func columns() qm.QueryMod {
	c := generated.ConfigurationColumns
	return qm.Select(append(settingColumns().Cols, c.ID, c.Active, c.Status, c.StatusCode, c.StatusSince)...)
}

func find(ctx context.Context, exec boil.ContextExecutor, id int64, mods ...qm.QueryMod) (*generated.Configuration, error) {
	mods = append(mods, columns(), generated.ConfigurationWhere.ID.EQ(id))
	row, err := generated.Configurations(mods...).One(ctx, exec)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, missing(id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading configuration %d: %w", id, err)
	}
	return row, nil
}

func missing(id int64) error { return fmt.Errorf("configuration %d: %w", id, ErrNotFound) }
