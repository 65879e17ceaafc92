package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// owner is the user a root process runs the server as.
type owner struct {
	name     string
	uid, gid int
}

// unprivileged returns nil when this process need not change its user.
func unprivileged() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(account.Uid)
		gid, gidErr := strconv.Atoi(account.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("reading the ids of the user %s: %w", name, err)
		}
		return &owner{name: name, uid: uid, gid: gid}, nil
	}
	return nil, errors.New("neither the user postgres nor nobody exists, and PostgreSQL refuses to run as root")
}
