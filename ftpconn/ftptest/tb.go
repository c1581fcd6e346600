package ftptest

// TB is the part of testing.TB that the constructors need.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}
