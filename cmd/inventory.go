package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/uapush/uapush/pki"
)

// inventoryFile is what an inventory is called, in the working directory and in
// the user's configuration folder.
const inventoryFile = "uapush.yaml"

// maxInventorySize bounds an inventory; 4 MiB are ten thousand servers.
const maxInventorySize = 4 << 20

// inventory names servers, so that their settings need not be typed.
type inventory struct {
	Servers map[string]serverEntry `yaml:"servers"`

	path string
}

// serverEntry holds the settings of one server. Apart from url and labels the
// keys are the names of flags.
type serverEntry struct {
	URL          string            `yaml:"url"`
	Labels       map[string]string `yaml:"labels"`
	User         string            `yaml:"user"`
	Password     string            `yaml:"password"`
	PasswordFile string            `yaml:"password-file"`
	UserCert     string            `yaml:"user-cert"`
	UserKey      string            `yaml:"user-key"`
	Trust        []string          `yaml:"trust"`
	Pin          string            `yaml:"pin"`
	TOFU         bool              `yaml:"tofu"`
	Suppress     []string          `yaml:"suppress"`
	Identity     string            `yaml:"identity"`
	State        string            `yaml:"state"`
	Application  string            `yaml:"application"`
	Timeout      string            `yaml:"timeout"`
	Deadline     string            `yaml:"deadline"`
}

// flagValues gives the entry's settings by flag name; files are relative to the
// inventory.
func (e serverEntry) flagValues(dir string) map[string][]string {
	file := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	password := e.Password
	if path, ok := strings.CutPrefix(password, "file:"); ok {
		password = "file:" + file(path)
	}
	values := map[string][]string{
		"user": {e.User}, "password": {password}, "password-file": {file(e.PasswordFile)},
		"user-cert": {file(e.UserCert)}, "user-key": {file(e.UserKey)}, "pin": {e.Pin},
		"identity": {file(e.Identity)}, "state": {file(e.State)}, "application": {e.Application},
		"timeout": {e.Timeout}, "deadline": {e.Deadline},
	}
	for _, t := range e.Trust {
		values["trust"] = append(values["trust"], file(t))
	}
	if len(e.Suppress) > 0 {
		values["suppress"] = e.Suppress
	}
	if e.TOFU {
		values["tofu"] = []string{"true"}
	}
	maps.DeleteFunc(values, func(_ string, v []string) bool { return len(v) == 1 && v[0] == "" })
	return values
}

// loadInventories reads the inventories there are, the nearer one first.
func (a *app) loadInventories() ([]inventory, error) {
	var found []inventory
	for _, path := range []string{inventoryFile, filepath.Join(a.configDir(), inventoryFile)} {
		inv, err := loadInventory(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		found = append(found, inv)
	}
	return found, nil
}

func loadInventory(path string) (inventory, error) {
	data, err := pki.ReadBounded(path, maxInventorySize)
	if err != nil {
		return inventory{}, err
	}
	inv := inventory{path: path}
	if err := yaml.UnmarshalWithOptions(data, &inv, yaml.Strict()); err != nil {
		return inventory{}, usage("compare it with the inventory in the README", "%s: %w", path, err)
	}
	return inv, nil
}

func (a *app) configDir() string {
	if dir := a.env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "uapush")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "."
	}
	return filepath.Join(home, ".config", "uapush")
}

// server finds what the operator called a server: a URL, a name, or nothing
// where there is only one.
func (a *app) server(args []string) (name string, entry serverEntry, dir string, err error) {
	word := a.env.Getenv("UAPUSH_SERVER")
	if len(args) > 0 {
		word = args[0]
	}
	if strings.Contains(word, "://") {
		return word, serverEntry{URL: word}, ".", nil
	}
	inventories, err := a.loadInventories()
	if err != nil {
		return "", serverEntry{}, "", err
	}
	var names []string
	for _, inv := range inventories {
		if e, ok := inv.Servers[word]; ok && word != "" {
			return word, e, filepath.Dir(inv.path), nil
		}
		names = append(names, slices.Sorted(maps.Keys(inv.Servers))...)
	}
	switch {
	case word == "" && len(names) == 1:
		return a.server(names)
	case word == "" && len(names) == 0:
		err = usage("give its discovery URL, such as opc.tcp://plc1:4840", "no server is named")
	case word == "":
		err = usage("the inventory has "+strings.Join(names, ", "), "no server is named")
	case len(names) == 0:
		url := "opc.tcp://" + word
		if !strings.Contains(word, ":") {
			url += ":4840"
		}
		err = usage("give a discovery URL such as "+url+", or write an inventory "+inventoryFile, "%q is no URL, and there is no inventory to look it up in", word)
	default:
		err = usage("the inventory has "+strings.Join(names, ", "), "the inventory knows no server %q", word)
	}
	return "", serverEntry{}, "", err
}

// known gives the inventory's only name for a URL, else the URL: a saved plan
// names a URL, and how to log in there is in the inventory.
func (a *app) known(url string) string {
	inventories, err := a.loadInventories()
	if err != nil {
		return url // whoever looks the URL up next says so
	}
	meant := map[string]string{} // URLs by name; the nearer inventory goes first
	var names []string
	for _, inv := range inventories {
		for name, entry := range inv.Servers {
			if _, nearer := meant[name]; nearer {
				continue
			}
			if meant[name] = entry.URL; entry.URL == url {
				names = append(names, name)
			}
		}
	}
	if len(names) != 1 {
		return url
	}
	return names[0]
}

// completeServer completes SERVER from the inventories.
func (a *app) completeServer() []string {
	inventories, err := a.loadInventories()
	if err != nil {
		return nil
	}
	var names []string
	for _, inv := range inventories {
		for _, n := range slices.Sorted(maps.Keys(inv.Servers)) {
			names = append(names, fmt.Sprintf("%s\t%s", n, inv.Servers[n].URL))
		}
	}
	return names
}
