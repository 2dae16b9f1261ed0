package uafile

import (
	"strconv"
	"strings"
)

// path is where in the file a codec is; it costs nothing until it is printed.
type path struct{ steps []step }

type step struct {
	field string
	index int // -1: no element of an array
}

// enter goes into a field; "" is the value that was entered already.
func (p *path) enter(field string)          { p.steps = append(p.steps, step{field, -1}) }
func (p *path) element(field string, i int) { p.steps = append(p.steps, step{field, i}) }
func (p *path) leave()                      { p.steps = p.steps[:len(p.steps)-1] }

func (p *path) String() string {
	var b strings.Builder
	for _, s := range p.steps {
		if s.field != "" && b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.field)
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}
