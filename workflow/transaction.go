package workflow

import "context"

// diagnose reads TransactionDiagnostics (OPC 10000-12, 7.10.17).
type diagnose struct{}

func (diagnose) Name() string { return "read the diagnostics" }

func (diagnose) Run(ctx context.Context, s *State) error {
	session, err := s.certificates()
	if err != nil {
		return err
	}
	s.Transaction, err = session.TransactionDiagnostics(ctx)
	return err
}

// sanction asks before a transaction is ended that this run did not begin.
type sanction struct{}

func (sanction) Name() string { return "approve" }

func (sanction) Run(ctx context.Context, s *State) error { return s.Consent(ctx, s.Work) }

// applyWaiting calls ApplyChanges for what an earlier Session left.
type applyWaiting struct{}

func (applyWaiting) Name() string { return "apply changes" }

func (applyWaiting) Run(ctx context.Context, s *State) error { return s.Session.ApplyChanges(ctx) }

// cancelWaiting calls CancelChanges for what an earlier Session left.
type cancelWaiting struct{}

func (cancelWaiting) Name() string { return "cancel changes" }

func (cancelWaiting) Run(ctx context.Context, s *State) error { return s.Session.CancelChanges(ctx) }

// rediagnose reads the diagnostics where the server, and its connection, still have
// them; without, the phase is TransactionUnknown.
type rediagnose struct{ diagnose }

func (rediagnose) Run(ctx context.Context, s *State) error {
	if err := (diagnose{}).Run(ctx, s); err != nil {
		s.Transaction = TransactionDiagnostics{Phase: TransactionUnknown}
		s.note("the server does not say what became of it: %v", err)
	}
	return nil
}
