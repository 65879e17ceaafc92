package exchange

import "time"

// NotBefore tells until when Exchange asked for a pause; zero if it did not.
func (c *Calendar) NotBefore() time.Time { return c.client.NotBefore() }
