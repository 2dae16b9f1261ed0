package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
)

// sendAs sends a request on the Session and expects an answer of type R.
func sendAs[R ua.Response](ctx context.Context, s *Session, op string, req ua.Request) (R, error) {
	var none R
	resp, _, err := s.send(ctx, op, req)
	if err != nil {
		return none, err
	}
	r, ok := resp.(R)
	if !ok {
		return none, &MalformedError{What: "answer to " + op, Why: fmt.Sprintf("it is a %T", resp)}
	}
	return r, nil
}

// send sends one request. unknown says of an error that the request may have
// been carried out all the same.
func (s *Session) send(ctx context.Context, op string, req ua.Request) (resp ua.Response, unknown bool, err error) {
	if ctx.Err() != nil {
		return nil, false, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	select {
	case <-s.ch.Done():
		err := s.ch.Err()
		if err == nil {
			err = secureconv.ErrConnectionLost
		}
		return nil, false, &ConnectError{Kind: Lost, URL: s.url, Stage: op, Err: err}
	default:
	}
	token := s.token
	if token == nil {
		token = ua.NewTwoByteNodeID(0)
	}
	req.SetHeader(header(token))
	wait, cancel := context.WithTimeout(ctx, max(s.timeout, patience(ctx)))
	defer cancel()
	s.used.Store(time.Now().UnixNano())
	resp, err = s.ch.Send(wait, req)
	if err == nil {
		return resp, false, nil
	}
	unknown, err = s.sendError(ctx, op, err)
	return nil, unknown, err
}

// patient lets the requests of a context take longer than others.
func patient(ctx context.Context, least time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, least)
}

type patienceKey struct{}

func patience(ctx context.Context) time.Duration {
	least, _ := ctx.Value(patienceKey{}).(time.Duration)
	return least
}

// sendError says what became of a request that got no answer, or a fault.
func (s *Session) sendError(ctx context.Context, op string, err error) (unknown bool, _ error) {
	var service *secureconv.ServiceError
	var limit *secureconv.LimitError
	var peer *secureconv.PeerError
	lost := func(k ConnectKind) error { return &ConnectError{Kind: k, URL: s.url, Stage: op, Err: err} }
	switch {
	case errors.As(err, &service):
		if sessionGone(service.Status) {
			return closedMeanwhile(service.Status), lost(Lost)
		}
		refused := CallError{Method: op, Status: service.Status}
		if service.Status == ua.StatusBadRequestTooLarge || service.Status == ua.StatusBadEncodingLimitsExceeded {
			return false, &tooLargeError{refused}
		}
		return outcomeOpen(service.Status), &refused
	case errors.As(err, &limit):
		return false, &tooLargeError{CallError{Method: op, Status: ua.StatusBadRequestTooLarge}}
	case errors.As(err, &peer):
		if tooLarge(peer.Status) {
			return false, &CallError{Method: op, Status: peer.Status}
		}
		return true, lost(Lost)
	case errors.Is(err, secureconv.ErrConnectionLost):
		return true, lost(Lost)
	case errors.Is(err, secureconv.ErrClosed):
		return false, lost(Lost)
	case ctx.Err() != nil:
		return true, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	case errors.Is(err, context.DeadlineExceeded):
		return true, lost(Timeout)
	case errors.Is(err, secureconv.ErrServerCertificate):
		return true, &ServerProofError{URL: s.url, What: "at the renewal of the channel's keys it showed another certificate", Late: s.token != nil, Err: err}
	case notProven(err):
		return true, &ServerProofError{URL: s.url, What: "a message on the channel was not signed, or not encrypted, with its keys", Late: s.token != nil, Err: err}
	}
	return true, &MalformedError{What: "answer to " + op, Err: err}
}

// tooLargeError is a request that was not looked at because of its size: the
// server had said at Hello that it would not take it (OPC 10000-6, 7.1.2.3), so
// it was not sent, or the server refused it as a whole.
type tooLargeError struct{ CallError }

func (e *tooLargeError) Unwrap() error { return &e.CallError }

// sessionGone says that the server has dropped the Session, so that a new one is
// needed.
func sessionGone(s ua.StatusCode) bool {
	switch s {
	case ua.StatusBadSessionIDInvalid, ua.StatusBadSessionClosed, ua.StatusBadSessionNotActivated,
		ua.StatusBadSecureChannelIDInvalid, ua.StatusBadSecureChannelClosed,
		ua.StatusBadTCPSecureChannelUnknown, ua.StatusBadSecureChannelTokenUnknown:
		return true
	}
	return false
}

// closedMeanwhile tells what was closed, perhaps while the request was being carried
// out, from what the server never knew or knows no more: then it was not looked at.
func closedMeanwhile(s ua.StatusCode) bool {
	return s == ua.StatusBadSessionClosed || s == ua.StatusBadSecureChannelClosed
}

// outcomeOpen says of a fault that the request may have been carried out.
func outcomeOpen(s ua.StatusCode) bool {
	switch s {
	case ua.StatusBadTimeout, ua.StatusBadRequestTimeout, ua.StatusBadRequestInterrupted,
		ua.StatusBadResponseTooLarge, ua.StatusBadConnectionClosed, ua.StatusBadShutdown:
		return true
	}
	return false
}

func tooLarge(s ua.StatusCode) bool {
	return s == ua.StatusBadRequestTooLarge || s == ua.StatusBadTCPMessageTooLarge
}

// batched does the items in one go, or in halves where the server says
// Bad_TooManyOperations (OPC 10000-4, 7.39). do returns one result per item.
func batched[T, R any](items []T, do func([]T) ([]R, error)) ([]R, error) {
	if len(items) == 0 {
		return nil, nil
	}
	results, err := do(items)
	switch {
	case err != nil && len(items) > 1 && errors.Is(err, ua.StatusBadTooManyOperations):
		half := len(items) / 2
		a, err := batched(items[:half], do)
		if err != nil {
			return nil, err
		}
		b, err := batched(items[half:], do)
		return append(a, b...), err
	case err != nil:
		return nil, err
	case len(results) != len(items):
		return nil, &MalformedError{What: "answer", Why: fmt.Sprintf("%d results for %d operations", len(results), len(items))}
	}
	return results, nil
}

// isTooLarge says that a request was not looked at because of its size.
func isTooLarge(err error) bool {
	var e *tooLargeError
	return errors.As(err, &e)
}
