package ftpconn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// When no connection is left and none can be made, the first calls wait while
// the server may be restarting: for patience, at most for Config.Timeout.
// After that calls fail at once, and one login after each pause, when a call
// comes, tries whether the server is back. The calls that come just then wait
// a moment for its outcome.
const (
	patience       = 8 * time.Second
	firstPause     = 50 * time.Millisecond
	lastPause      = 5 * time.Second
	lastLoginPause = time.Minute // servers lock out who fails to log in too often
	probeGrace     = time.Second // and four times what the last login took
)

// outage is the state of a server that can not be reached. It is guarded by
// Pool.mu.
type outage struct {
	worked  bool      // there was a connection once
	began   time.Time // zero: no outage
	open    bool      // calls fail at once
	pause   time.Duration
	tried   time.Time // when the last login was begun
	retryAt time.Time // no other one before that
	reason  error
}

func (o *outage) is() bool { return !o.began.IsZero() }

// backLocked notes that a login succeeded.
func (p *Pool) backLocked() {
	o := &p.outage
	if o.open {
		p.cfg.Logger.Warn("the server can be reached again", "after", time.Since(o.began).Round(time.Second))
	}
	if o.is() {
		// What it refused while it went down was no limit.
		p.growth = growth{limit: p.cfg.Connections}
	}
	*o = outage{worked: true, tried: o.tried}
}

// awayLocked handles a login that failed while there is no other connection:
// it is tried again after a pause, or those who wait are told.
func (p *Pool) awayLocked(id int, err error) {
	o := &p.outage
	now := time.Now()
	if !o.worked || errors.Is(err, context.Canceled) {
		p.failWaitersLocked(err) // the first login fails at once
		return
	}
	longest := lastPause
	if errors.Is(err, ErrLogin) {
		longest = lastLoginPause
	}
	if o.is() {
		o.pause = min(2*o.pause, longest)
	} else {
		o.began, o.pause = now, firstPause
	}
	o.reason, o.retryAt = err, now.Add(o.pause)
	hopeful := !o.open && !errors.Is(err, ErrTimeout) && now.Sub(o.began)+o.pause < min(patience, p.cfg.Timeout)
	if !hopeful {
		p.openLocked()
	}
	if p.cfg.Hard || hopeful {
		p.dialing++
		pause := o.pause
		p.work.Go(func() { p.dialAfter(pause, id) })
		return
	}
	p.failWaitersLocked(fmt.Errorf("%w: %w", ErrUnreachable, err))
}

// dialAfter is dialAndServe after a pause.
func (p *Pool) dialAfter(pause time.Duration, id int) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
	}
	p.mu.Lock()
	p.outage.tried = time.Now()
	p.mu.Unlock()
	p.dialAndServe(id)
}

// openLocked makes calls fail at once from now on, and says so once.
func (p *Pool) openLocked() {
	o := &p.outage
	if o.open {
		return
	}
	o.open = true
	what := "the server can not be reached; calls fail until it is back"
	if p.cfg.Hard {
		what = "the server can not be reached; calls wait until it is back"
	}
	p.cfg.Logger.Warn(what, "reason", o.reason)
}

func (p *Pool) failWaitersLocked(err error) {
	for w := p.nextWaiterLocked(); w != nil; w = p.nextWaiterLocked() {
		w.grant <- grant{err: err}
	}
}

// suspectLocked is told of a connection on which a command was not answered in
// time. The idle ones that were not used since are most likely dead as well:
// not every call should have to find that out anew.
func (p *Pool) suspectLocked(c *Conn) {
	if p.closed {
		return
	}
	var sound []*Conn
	for _, other := range p.idle {
		if other.lastUse.Before(c.asked) {
			p.dropLocked(other)
		} else {
			sound = append(sound, other)
		}
	}
	p.idle = sound
	if o := &p.outage; len(p.conns) == 0 && o.worked && !o.is() {
		o.began, o.pause, o.reason = time.Now(), firstPause, c.broken
		p.openLocked()
	}
}

// probeEndLocked is until when calls wait for a login that tries whether the
// server is back.
func (p *Pool) probeEndLocked() time.Time {
	return p.outage.tried.Add(probeGrace + min(p.cfg.Timeout, 4*p.srv.facts().loginTime))
}

// knownAwayLocked is the answer to a call that comes while the server is known
// to be away; nil if it should wait for a connection.
func (p *Pool) knownAwayLocked(now time.Time) error {
	o := &p.outage
	if !o.open || p.cfg.Hard || len(p.conns) > 0 {
		return nil
	}
	if p.dialing > 0 && now.Before(p.probeEndLocked()) || p.dialing == 0 && !now.Before(o.retryAt) {
		return nil
	}
	return o.err()
}

// overdueLocked is the answer to a call that has waited long enough for a
// server that is away; nil if there is hope.
func (p *Pool) overdueLocked(w *waiter, now time.Time) error {
	o := &p.outage
	if !o.is() || p.cfg.Hard || len(p.conns) > 0 {
		return nil
	}
	if o.open && now.After(p.probeEndLocked()) {
		return o.err()
	}
	if !o.open && now.Sub(w.since) > p.cfg.Timeout {
		p.openLocked()
		return o.err()
	}
	return nil
}

func (o *outage) err() error {
	return fmt.Errorf("%w: %w: %w", ErrUnreachable, ErrAway, o.reason)
}
