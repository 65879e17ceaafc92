package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// initOptions are those of every cluster.
func initOptions() []string {
	return []string{"-U", superuser, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"}
}

// create lays out the server's cluster. Making one takes seconds of computing,
// copying one does not, so the first one is kept in the user's cache.
func (s *Server) create(ctx context.Context) error {
	if s.owner != nil {
		if err := os.Chown(s.dir, s.owner.uid, s.owner.gid); err != nil {
			return fmt.Errorf("giving the data directory to the user %s: %w", s.owner.name, err)
		}
	}
	kept, err := s.keptCluster(ctx)
	if err == nil {
		if err = copyCluster(kept, s.data(), s.owner); err == nil {
			return nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(s.data()); err != nil { // a copy that broke off
			return fmt.Errorf("removing a part of a cluster: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), append(initOptions(), "-D", s.data())...)
	s.prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("creating a PostgreSQL cluster: %w: %s", err, out)
	}
	if kept != "" {
		s.keep(kept)
	}
	return nil
}

// keptCluster names the place of the cluster to copy, which need not exist.
func (s *Server) keptCluster(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache: %w", err)
	}
	version, err := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking for the version of PostgreSQL: %w", err)
	}
	kind := sha256.Sum256([]byte(s.bin + "\n" + string(version) + strings.Join(initOptions(), "\n")))
	return filepath.Join(cache, "ews", fmt.Sprintf("postgres-%x", kind[:8])), nil
}

// keep copies the fresh cluster for servers to come. Several processes may do
// so at once: the last step is a rename, and a failure costs only time.
func (s *Server) keep(place string) {
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return
	}
	dir, err := os.MkdirTemp(filepath.Dir(place), "making-")
	if err != nil {
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if copyCluster(s.data(), filepath.Join(dir, "data"), nil) == nil {
		_ = os.Rename(filepath.Join(dir, "data"), place)
	}
}

// copyCluster copies a folder for an owner; PostgreSQL wants it to be private.
func copyCluster(from, to string, owner *owner) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o700); err != nil { //nolint:gosec // a folder
		return err
	}
	if owner == nil {
		return nil
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, owner.uid, owner.gid)
	})
}
