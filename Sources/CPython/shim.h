// What Swift cannot import from Python.h by itself: variadic functions and macros.
// Everything here is in CPython's stable ABI of 3.11, so that one extension serves every later one.
#ifndef PLIMSOLL_CPYTHON_SHIM_H
#define PLIMSOLL_CPYTHON_SHIM_H
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static inline PyObject *plimsoll_none(void) { return Py_None; }
static inline PyObject *plimsoll_true(void) { return Py_True; }
static inline PyObject *plimsoll_false(void) { return Py_False; }

#endif
