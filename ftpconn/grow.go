package ftpconn

import (
	"errors"
	"syscall"
	"time"
)

const (
	// turn is how long a transfer keeps its connection while others of the
	// same lane wait.
	turn = time.Second

	// limitMemory is how long a limit that the server showed is believed.
	limitMemory = 2 * time.Minute

	// slowLogin is the time from which on logins are made one by one: some
	// servers spend seconds of CPU on the hash of a password.
	slowLogin = time.Second

	// maxDialing is how many logins may be under way to a server whose logins
	// are quick.
	maxDialing = 8
)

// growth says how many connections may be opened.
type growth struct {
	limit      int       // Config.Connections, or what the server allows
	limitUntil time.Time // when to try more again
	pauseUntil time.Time // after a login that failed for another reason
}

// serveLocked sees to it that those who wait will get a connection: by
// opening more, or by taking some back from less urgent transfers.
func (p *Pool) serveLocked() {
	if p.closed {
		return
	}
	waiting := 0
	for _, queue := range p.waiters {
		waiting += len(queue)
	}
	coming := p.dialing + p.recycling
	for waiting > coming && p.mayDialLocked() {
		p.dialLocked()
		coming++
	}
	if waiting > 0 && p.recycling > 0 && p.dialing == 0 && len(p.conns) < hotIdle && p.mayDialLocked() {
		// Whoever waits for a connection to get back into shape will do so
		// again: short transfers come in series.
		p.dialLocked()
	}
	for _, queue := range p.waiters {
		for _, w := range queue {
			if coming > 0 {
				coming--
				continue
			}
			if !p.preemptLocked(w) {
				return
			}
		}
	}
}

// mayDialLocked says whether another connection may be opened now.
func (p *Pool) mayDialLocked() bool {
	now := time.Now()
	if p.growth.limit < p.cfg.Connections && now.After(p.growth.limitUntil) {
		p.growth.limit++
		p.growth.limitUntil = now.Add(limitMemory)
	}
	if len(p.conns) == 0 && p.outage.is() {
		return p.dialing == 0 // one at a time tries whether the server is back
	}
	if len(p.conns)+p.dialing >= p.growth.limit || now.Before(p.growth.pauseUntil) && len(p.conns) > 0 {
		return false
	}
	facts := p.srv.facts()
	if !facts.known || facts.loginTime > slowLogin {
		return p.dialing == 0
	}
	return p.dialing < maxDialing
}

// dialLocked opens a connection in the background. It goes to whoever waits
// by then: a login that was begun is not wasted when its waiter leaves.
func (p *Pool) dialLocked() {
	p.dialing++
	p.outage.tried = time.Now()
	p.lastID++
	id := p.lastID
	p.work.Go(func() { p.dialAndServe(id) })
}

func (p *Pool) dialAndServe(id int) {
	c, err := dial(p.ctx, &p.cfg, p.srv, id)
	if errors.Is(err, errQueueRefused) {
		c, err = dial(p.ctx, &p.cfg, p.srv, id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing--
	if err == nil {
		p.conns[c] = struct{}{}
		p.backLocked()
		p.putLocked(c)
		p.serveLocked()
		return
	}
	if p.closed {
		return
	}
	if len(p.conns) > 0 || p.dialing > 0 && saysTooMany(err) {
		p.learnLimitLocked(err)
		p.serveLocked()
		return
	}
	if p.dialing > 0 {
		return // another login is still under way
	}
	p.awayLocked(id, err)
}

// learnLimitLocked takes a refusal, while other connections work, for the
// server's limit.
func (p *Pool) learnLimitLocked(err error) {
	now := time.Now()
	isLimit := saysTooMany(err) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
	if !isLimit {
		p.growth.pauseUntil = now.Add(5 * time.Second)
		return
	}
	if n := max(1, len(p.conns)); n < p.growth.limit {
		p.growth.limit = n
		p.cfg.Logger.Info("the server allows no more connections", "open", n, "reason", err)
	}
	p.growth.limitUntil = now.Add(limitMemory)
}

// saysTooMany says that a server refused a login, which it had taken before.
func saysTooMany(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && (tooMany(refused) || errors.Is(err, ErrLogin))
}

// preemptLocked makes a transfer that is less urgent than w give up its
// connection, or one of the same lane that has had its turn. It reports
// whether it found one.
func (p *Pool) preemptLocked(w *waiter) bool {
	var victim *stream
	now := time.Now()
	for s := range p.streams {
		lane := s.laneLocked()
		if s.revoked || lane < w.lane {
			continue
		}
		if lane == w.lane && (now.Sub(s.since) < turn || now.Sub(w.since) < turn/2) {
			continue
		}
		if victim == nil || lane > victim.laneLocked() || lane == victim.laneLocked() && s.since.Before(victim.since) {
			victim = s
		}
	}
	if victim == nil {
		return false
	}
	p.revokeLocked(victim)
	return true
}

// spareLocked opens a connection ahead of need while a transfer runs, so that
// a user's next listing does not wait for a login.
func (p *Pool) spareLocked() {
	if !p.closed && len(p.streams)+p.sending > 0 && len(p.idle) == 0 && p.recycling == 0 && p.dialing == 0 && p.mayDialLocked() {
		p.dialLocked()
	}
}
