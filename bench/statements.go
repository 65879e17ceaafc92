package main

import (
	"context"
	"fmt"
	"strings"
)

// showStatements prints what the database spent its time on.
func (o *site) showStatements(ctx context.Context) error {
	rows, err := o.database.Query(ctx,
		`select calls, total_exec_time, total_plan_time, mean_exec_time, rows, jit_functions, query
		 from pg_stat_statements order by total_exec_time + total_plan_time desc limit 25`)
	if err != nil {
		return fmt.Errorf("reading the statistics of statements: %w", err)
	}
	defer rows.Close()
	fmt.Printf("%10s %10s %10s %9s %9s %6s\n", "calls", "exec ms", "plan ms", "mean ms", "rows", "jit")
	for rows.Next() {
		var calls, n, jit int64
		var exec, plan, mean float64
		var query string
		if err := rows.Scan(&calls, &exec, &plan, &mean, &n, &jit, &query); err != nil {
			return err
		}
		query = strings.Join(strings.Fields(query), " ")
		fmt.Printf("%10d %10.0f %10.0f %9.3f %9d %6d  %.160s\n", calls, exec, plan, mean, n, jit, query)
	}
	return rows.Err()
}
