package ftptest

import "time"

// Fault is one thing that goes wrong on the way through a Proxy. It strikes at
// a command: the first one with its verb after Inject, unless Skip and Times
// say otherwise. Each command meets one Fault at most.
type Fault struct {
	Verb  string // in capitals; "" is any command, Greeting what the server says first
	Skip  int    // so many commands of the verb pass before
	Times int    // how many are struck; 0 is one, Always all

	At    Point
	Bytes int64 // with AtData: after so many bytes of content
	Do    Action

	Reply string        // with Answer: the bytes that the client gets
	For   time.Duration // with Delay and Drip
	Reset bool          // cut by RST, which may take bytes on their way with it, instead of FIN
	Call  func()        // called when the fault strikes, before it does anything
}

// Greeting is the Verb of what a server says first.
const Greeting = "(greeting)"

// Always is Fault.Times without end.
const Always = -1

// Point says when, on the way of a command, a Fault strikes.
type Point int

// The points.
const (
	AtCommand Point = iota // the command has not reached the server
	AtStart                // the reply that begins a transfer (1yz) is on its way to the client
	AtData                 // Bytes of the content have passed, in either direction
	AtFinal                // the command took effect, its final reply is on its way to the client
)

// Action says what a Fault does. Those that are about commands and replies do
// nothing AtData, CutData and Drip do nothing elsewhere.
type Action int

// The actions.
const (
	Pass    Action = iota // nothing but Call
	Cut                   // end the control connection, and the data connections with it
	CutData               // end the data connection
	Stall                 // nothing passes any more, and nothing is closed: AtData on the data connection, else on the control connection
	Lose                  // the command, or its reply, does not pass
	Answer                // the client gets Reply; AtCommand the server gets nothing; a 421 ends the connection
	Delay                 // what is under way waits For
	Drip                  // from here on each byte of content waits For
)

// armed is a Fault that was injected.
type armed struct {
	Fault
	left int
}

// Inject adds a fault. Those that were injected first are met first.
func (p *Proxy) Inject(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &armed{Fault: f, left: f.Times}
	if a.left == 0 {
		a.left = 1
	}
	p.faults = append(p.faults, a)
}

// Heal forgets all faults, and lets pass what Freeze held back. Connections
// that stall already go on doing so.
func (p *Proxy) Heal() {
	p.mu.Lock()
	p.faults = nil
	p.mu.Unlock()
	p.Thaw()
}

// Struck returns how many times a fault has struck.
func (p *Proxy) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// meet returns the fault that a command meets, or nil.
func (p *Proxy) meet(verb string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.meetLocked(verb)
}

func (p *Proxy) meetLocked(verb string) *Fault {
	for i, a := range p.faults {
		if a.Verb != verb && (a.Verb != "" || verb == Greeting) {
			continue
		}
		if a.Skip > 0 {
			a.Skip--
			continue
		}
		if a.left > 0 {
			if a.left--; a.left == 0 {
				p.faults = append(p.faults[:i:i], p.faults[i+1:]...)
			}
		}
		return &a.Fault
	}
	return nil
}

// strikes says that a fault does its work now.
func (p *Proxy) strikes(f *Fault) {
	p.mu.Lock()
	p.struck++
	p.mu.Unlock()
	if f.Call != nil {
		f.Call()
	}
}
