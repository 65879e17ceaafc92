package stage

import "context"

// Do makes any request to the control API, with a body and an answer where
// they are not nil.
func (c *Control) Do(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, c.base+path, in, out, nil)
}
