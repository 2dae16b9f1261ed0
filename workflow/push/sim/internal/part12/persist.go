package part12

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
)

const (
	stateFile   = "device.json"
	stateSchema = "uapush.sim.device/1"
)

// The state file. It holds private keys, so only its owner may read it.
type storedDevice struct {
	Schema       string              `json:"schema"`
	Setup        bool                `json:"applicationSetup"`
	Rules        []Rule              `json:"securityAdmin,omitempty"`
	Applications []storedApplication `json:"applications"`
}

type storedApplication struct {
	Name          string             `json:"name"`
	ProductURI    string             `json:"productUri"`
	Configuration config.Application `json:"configuration"`
	Groups        []storedGroup      `json:"groups"`
	Multicast     bool               `json:"multicastDnsEnabled"`
	Updated       time.Time          `json:"lastUpdateTime"`
	Version       config.VersionTime `json:"highestVersion"`
}

type storedGroup struct {
	Name     string       `json:"name"`
	Trust    trustList    `json:"trustList"`
	Updated  time.Time    `json:"lastUpdateTime"`
	Slots    []storedSlot `json:"slots"`
	Rejected [][]byte     `json:"rejected,omitempty"`
}

type storedSlot struct {
	Type    config.NodeID `json:"type"`
	Chain   [][]byte      `json:"chain,omitempty"`
	Key     []byte        `json:"key,omitempty"`        // PKCS#8
	Pending []byte        `json:"pendingKey,omitempty"` // PKCS#8
}

// save stores the confirmed state of all applications: the old file or the new one
// survives a crash, never a part.
func (d *Device) save() error {
	if d.opt.Dir == "" || d.closed {
		return nil
	}
	out := storedDevice{Schema: stateSchema, Setup: d.setup, Rules: d.rules}
	for _, a := range d.applications() {
		stored, err := a.store()
		if err != nil {
			return fmt.Errorf("store the state: %w", err)
		}
		out.Applications = append(out.Applications, stored)
	}
	data, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return fmt.Errorf("store the state: %w", err)
	}
	if err := writeAtomic(filepath.Join(d.opt.Dir, stateFile), data); err != nil {
		return fmt.Errorf("store the state: %w", err)
	}
	return nil
}

func (a *Application) store() (storedApplication, error) {
	s := a.confirmed()
	out := storedApplication{
		Name: a.name, ProductURI: a.product, Configuration: s.config,
		Multicast: a.multicast, Updated: a.updated, Version: a.version,
	}
	for _, r := range s.config.CertificateGroups {
		g := s.groups[r.Name]
		stored := storedGroup{Name: r.Name, Trust: g.Trust, Updated: g.Updated, Rejected: g.Rejected}
		for _, t := range r.CertificateTypes {
			slot := g.Slots[t]
			key, err := encodeKey(slot.Key)
			if err != nil {
				return out, err
			}
			pending, err := encodeKey(slot.Pending)
			if err != nil {
				return out, err
			}
			stored.Slots = append(stored.Slots, storedSlot{Type: t, Chain: slot.Chain, Key: key, Pending: pending})
		}
		out.Groups = append(out.Groups, stored)
	}
	return out, nil
}

func encodeKey(key privateKey) ([]byte, error) {
	if key == nil {
		return nil, nil
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func loadKey(der []byte) (privateKey, error) {
	if len(der) == 0 {
		return nil, nil
	}
	return decodeKey("PKCS8", der)
}

// load reads the state; found is false when there is none yet.
func (d *Device) load() (found bool, err error) {
	if d.opt.Dir == "" {
		return false, nil
	}
	if err := os.MkdirAll(d.opt.Dir, 0o700); err != nil {
		return false, fmt.Errorf("open the state: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(d.opt.Dir, stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("open the state: %w", err)
	}
	var in storedDevice
	if err := json.Unmarshal(data, &in); err != nil {
		return false, fmt.Errorf("open the state: %w", err)
	}
	if in.Schema != stateSchema {
		return false, fmt.Errorf("open the state: schema %q is not %q", in.Schema, stateSchema)
	}
	d.setup, d.rules = in.Setup, in.Rules
	for _, a := range d.applications() {
		i := slices.IndexFunc(in.Applications, func(s storedApplication) bool { return s.Name == a.name })
		if i < 0 {
			return false, fmt.Errorf("open the state: no application %q", a.name)
		}
		if err := a.restore(in.Applications[i]); err != nil {
			return false, fmt.Errorf("open the state: %w", err)
		}
	}
	return true, nil
}

func (a *Application) restore(in storedApplication) error {
	a.product, a.multicast, a.updated, a.version = in.ProductURI, in.Multicast, in.Updated, in.Version
	a.state = &state{config: in.Configuration, groups: map[string]*group{}}
	for _, g := range in.Groups {
		restored := &group{Trust: g.Trust, Updated: g.Updated, Rejected: g.Rejected, Slots: map[config.NodeID]slot{}}
		for _, s := range g.Slots {
			key, err := loadKey(s.Key)
			if err != nil {
				return err
			}
			pending, err := loadKey(s.Pending)
			if err != nil {
				return err
			}
			restored.Slots[s.Type] = slot{Chain: s.Chain, Key: key, Pending: pending}
		}
		a.state.groups[g.Name] = restored
	}
	for _, r := range a.state.config.CertificateGroups {
		if a.state.groups[r.Name] == nil {
			return fmt.Errorf("no content of CertificateGroup %q", r.Name)
		}
	}
	if a.state.groups[config.DefaultApplicationGroup] == nil {
		return errors.New("no DefaultApplicationGroup")
	}
	return nil
}

// writeAtomic replaces a file for its owner only.
func writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it was renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// syncDir makes a rename durable where directories can be synchronised.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
