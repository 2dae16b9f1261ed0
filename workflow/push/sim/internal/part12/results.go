package part12

import (
	"errors"

	"github.com/gopcua/opcua/ua"
)

// argumentError is a status that one input argument caused, counted from 1
// (InputArgumentResults, OPC 10000-4, 5.12.2).
type argumentError struct {
	argument int
	status   ua.StatusCode
}

func (e *argumentError) Error() string { return e.status.Error() }
func (e *argumentError) Unwrap() error { return e.status }

func badArgument(n int) error {
	return &argumentError{argument: n, status: ua.StatusBadInvalidArgument}
}

// statusOf is the StatusCode an error stands for. What is no StatusCode went wrong
// inside the Device.
func statusOf(err error) ua.StatusCode {
	var s ua.StatusCode
	switch {
	case err == nil:
		return ua.StatusOK
	case errors.As(err, &s):
		return s
	}
	return ua.StatusBadUnexpectedError
}

// asError keeps a Good status from becoming an error.
func asError(s ua.StatusCode) error {
	if s == ua.StatusOK {
		return nil
	}
	return s
}

// notGood says whether the severity of a status is Uncertain or Bad (OPC 10000-4, 7.39).
func notGood(s ua.StatusCode) bool { return s>>30 != 0 }
