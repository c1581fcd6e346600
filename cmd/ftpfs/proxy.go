package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"ftpfs/ftpconn"

	"golang.org/x/net/proxy"
)

// findProxy completes the proxy from the environment: ftp_proxy, and then
// ALL_PROXY, for hosts that are not this machine and that NO_PROXY does not
// name. Small letters will do.
func (a *app) findProxy(s *settings) error {
	if s.Proxy == "none" {
		s.Proxy = ""
		return nil
	}
	if s.Proxy != "" {
		u, err := url.Parse(s.Proxy)
		if err == nil && u.User != nil {
			return errors.New("--proxy: everybody on this machine can see a password here; put the URL into the variable ftp_proxy")
		}
	} else if !isLoopback(s.Host) {
		for _, name := range []string{"ftp_proxy", "FTP_PROXY", "ALL_PROXY", "all_proxy"} {
			if s.Proxy = a.env(name); s.Proxy != "" {
				break
			}
		}
		s.NoProxy = a.env("NO_PROXY")
		if s.NoProxy == "" {
			s.NoProxy = a.env("no_proxy")
		}
	}
	_, err := s.dialer()
	return err
}

// isLoopback says whether a host is this machine, which needs no proxy.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dialer returns what opens connections by way of the proxy; nil without one.
func (s *settings) dialer() (proxy.ContextDialer, error) {
	if s.Proxy == "" {
		return nil, nil
	}
	u, err := url.Parse(s.Proxy)
	if err != nil || u.Host == "" {
		return nil, errors.New("the proxy is no URL; write socks5://host:port or http://host:port")
	}
	direct := ftpconn.NewDialer()
	var through proxy.Dialer
	switch u.Scheme {
	case "socks5", "socks5h":
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "1080")
		}
		through, err = proxy.FromURL(u, direct)
	case "http":
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "80")
		}
		through = &connectProxy{u, direct}
	default:
		err = fmt.Errorf("a proxy of the kind %q is not known; socks5:// and http:// are", clipText(u.Scheme))
	}
	if err != nil {
		return nil, err
	}
	if s.NoProxy == "" {
		return through.(proxy.ContextDialer), nil
	}
	perHost := proxy.NewPerHost(through, direct)
	perHost.AddFromString(s.NoProxy)
	return perHost, nil
}

// connectProxy is an HTTP proxy that is asked to CONNECT, RFC 9110 section
// 9.3.6.
type connectProxy struct {
	url    *url.URL
	direct *net.Dialer
}

// Dial implements proxy.Dialer.
func (p *connectProxy) Dial(network, address string) (net.Conn, error) {
	return p.DialContext(context.Background(), network, address)
}

// DialContext implements proxy.ContextDialer.
func (p *connectProxy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := p.direct.DialContext(ctx, network, p.url.Host)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", p.url.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	err = p.connect(c, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("proxy %s: %w", p.url.Host, err)
	}
	return c, nil
}

func (p *connectProxy) connect(c net.Conn, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if p.url.User != nil {
		password, _ := p.url.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(p.url.User.Username()+":"+password)))
	}
	if err := request.Write(c); err != nil {
		return err
	}
	// Byte by byte: what follows the header belongs to FTP.
	response, err := http.ReadResponse(bufio.NewReaderSize(&oneByOne{c}, 16), request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", clipText(response.Status))
	}
	return nil
}

// oneByOne reads no further than it is asked to.
type oneByOne struct{ r io.Reader }

func (o *oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }
