package pki

import "errors"

// What can be wrong with a file or directory of this package. They arrive inside
// a *FileError; use errors.Is to decide.
var (
	ErrTooLarge         = errors.New("the file is larger than allowed")
	ErrDamaged          = errors.New("the content is damaged")
	ErrExposed          = errors.New("the private key can be read by other users")
	ErrMismatch         = errors.New("the private key does not belong to the certificate")
	ErrExpired          = errors.New("the certificate has expired")
	ErrNotInitialised   = errors.New("there is no certification authority")
	ErrInitialised      = errors.New("there is a certification authority already")
	ErrAwaiting         = errors.New("the certification authority waits for its certificate")
	ErrRevoked          = errors.New("the certificate is revoked")
	ErrNoCRL            = errors.New("there is no CRL")
	ErrOutdatedCRL      = errors.New("the CRL is outdated")
	ErrPassphrase       = errors.New("the passphrase is wrong")
	ErrPassphraseNeeded = errors.New("a passphrase is needed")
	ErrLocked           = errors.New("another process holds the lock")
	ErrLedgerFull       = errors.New("the ledger is full")
	ErrUnknownSerial    = errors.New("no certificate with that serial number was issued")
)

// FileError is a failure at a file or directory that the operator can act on.
type FileError struct {
	Path string
	Err  error  // one of the sentinels above, or what the system said
	hint string // what to do; may be empty
}

func (e *FileError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Hint tells the operator what to do, or is empty.
func (e *FileError) Hint() string { return e.hint }
