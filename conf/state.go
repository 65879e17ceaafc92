package conf

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/volatiletech/sqlboiler/v4/boil"
	"github.com/volatiletech/sqlboiler/v4/queries/qm"

	"ews/db/generated"
)

// SetActive stores whether the app works with a configuration.
func (r *Repository) SetActive(ctx context.Context, id int64, active bool) error {
	count, err := generated.Configurations(generated.ConfigurationWhere.ID.EQ(id)).
		UpdateAll(ctx, r.db, generated.M{generated.ConfigurationColumns.Active: active})
	if err != nil {
		return fmt.Errorf("storing whether configuration %d is active: %w", id, err)
	}
	if count == 0 {
		return missing(id)
	}
	return nil
}

// SetStatus stores why a configuration is not synchronized; an empty code
// means that all is well. The time since when is kept while the code stays,
// and a status that is stored already is not written again.
func (r *Repository) SetStatus(ctx context.Context, id int64, code, text string) error {
	const update = `
		update ews.configuration
		set status_since = case when $2 = '' then null when status_code = $2 then coalesce(status_since, now()) else now() end,
		    status_code = $2, status = $3
		where id = $1 and (status_code, status) is distinct from ($2, $3)`
	result, err := r.db.ExecContext(ctx, update, id, code, text)
	if err != nil {
		return fmt.Errorf("storing the status of configuration %d: %w", id, err)
	}
	if count, err := result.RowsAffected(); err != nil || count > 0 {
		return err
	}
	_, err = find(ctx, r.db, id)
	return err
}

// Reseal brings all stored secrets into the form the keys ask for: plain ones
// are sealed, and those sealed with an earlier key are sealed with the current
// one. Secrets that cannot be opened stay as they are. It is meant for the
// start of the app and says in one line how secrets are kept.
func (r *Repository) Reseal(ctx context.Context, log *slog.Logger) error {
	if !r.keys.Configured() {
		log.InfoContext(ctx, "secrets are stored unencrypted: set "+KeyVariable+" or "+KeyFileVariable+" to encrypt them")
		return nil
	}
	count := 0
	err := r.inTransaction(ctx, func(tx *sql.Tx) error {
		c := generated.ConfigurationColumns
		rows, err := generated.Configurations(columns(), qm.OrderBy(c.ID), qm.For("update")).All(ctx, tx)
		if err != nil {
			return fmt.Errorf("reading the stored secrets: %w", err)
		}
		for _, row := range rows {
			clientSecret := r.reseal(row.ID, fieldClientSecret, &row.ClientSecret)
			password := r.reseal(row.ID, fieldPassword, &row.Password)
			if !clientSecret && !password {
				continue
			}
			if _, err := row.Update(ctx, tx, boil.Whitelist(c.ClientSecret, c.Password)); err != nil {
				return fmt.Errorf("encrypting the secrets of configuration %d: %w", row.ID, err)
			}
			count++
		}
		return nil
	})
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "secrets are stored encrypted", "newly_encrypted", count)
	return nil
}

// reseal tells whether the stored form was replaced.
func (r *Repository) reseal(id int64, field string, stored *string) bool {
	if !r.keys.stale(*stored) {
		return false
	}
	secret, err := r.keys.Open(id, field, *stored)
	if err != nil {
		return false // reported with the configuration whenever it is read
	}
	*stored = r.keys.Seal(id, field, secret)
	return true
}
