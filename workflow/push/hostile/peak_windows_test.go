package hostile

import "os"

// peak is not measured here.
func peak(*os.ProcessState) int64 { return 0 }
