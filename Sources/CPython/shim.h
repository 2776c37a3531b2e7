// What Swift cannot import from Python.h by itself: variadic functions, macros, global
// variables, and the casts that slot and method tables need. Names are prefixed `plimsoll_`.
// Everything here is in CPython's stable ABI of 3.11, so that one extension serves every later one.
#ifndef PLIMSOLL_CPYTHON_SHIM_H
#define PLIMSOLL_CPYTHON_SHIM_H
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
// pyconfig.h asks for GNU's view of the C library, in which fd_set has other member names than in
// the Glibc module; one program must see one of them.
#include <pyconfig.h>
#undef _GNU_SOURCE
#undef _XOPEN_SOURCE
#undef _XOPEN_SOURCE_EXTENDED
#undef _POSIX_C_SOURCE
#include <Python.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

// Borrowed references to the constants and types (global variables, which Swift 6 would refuse).
static inline PyObject *plimsoll_none(void) { return Py_None; }
static inline PyObject *plimsoll_true(void) { return Py_True; }
static inline PyObject *plimsoll_false(void) { return Py_False; }

static inline PyObject *plimsoll_type_error(void) { return PyExc_TypeError; }
static inline PyObject *plimsoll_value_error(void) { return PyExc_ValueError; }
static inline PyObject *plimsoll_assertion_error(void) { return PyExc_AssertionError; }
static inline PyObject *plimsoll_attribute_error(void) { return PyExc_AttributeError; }
static inline PyObject *plimsoll_runtime_error(void) { return PyExc_RuntimeError; }
static inline PyObject *plimsoll_os_error(void) { return PyExc_OSError; }
static inline PyObject *plimsoll_overflow_error(void) { return PyExc_OverflowError; }
static inline PyObject *plimsoll_timeout_error(void) { return PyExc_TimeoutError; }
static inline PyObject *plimsoll_connection_reset_error(void) { return PyExc_ConnectionResetError; }
static inline PyObject *plimsoll_broken_pipe_error(void) { return PyExc_BrokenPipeError; }
static inline PyObject *plimsoll_system_exit(void) { return PyExc_SystemExit; }
static inline PyObject *plimsoll_syntax_error(void) { return PyExc_SyntaxError; }
static inline PyObject *plimsoll_module_not_found_error(void) { return PyExc_ModuleNotFoundError; }
static inline PyObject *plimsoll_exception(void) { return PyExc_Exception; }

// Type checks. The exact ones read only the type pointer, whose place is part of the stable ABI.
static inline PyObject *plimsoll_type(PyObject *object) { return (PyObject *)object->ob_type; }
static inline int plimsoll_is_str(PyObject *object) {
  return object->ob_type == &PyUnicode_Type || PyUnicode_Check(object);
}
static inline int plimsoll_is_bytes(PyObject *object) {
  return object->ob_type == &PyBytes_Type || PyBytes_Check(object);
}
static inline int plimsoll_is_list(PyObject *object) {
  return object->ob_type == &PyList_Type || PyList_Check(object);
}
static inline int plimsoll_is_tuple(PyObject *object) {
  return object->ob_type == &PyTuple_Type || PyTuple_Check(object);
}
static inline int plimsoll_is_exact_list(PyObject *object) {
  return object->ob_type == &PyList_Type;
}
static inline int plimsoll_is_exact_tuple(PyObject *object) {
  return object->ob_type == &PyTuple_Type;
}

/// What a method of a builtin type is bound to, borrowed; NULL where `object` is no such method.
static inline PyObject *plimsoll_builtin_self(PyObject *object) {
  return PyCFunction_Check(object) ? PyCFunction_GetSelf(object) : NULL;
}
static inline int plimsoll_is_exception_class(PyObject *object) {
  return PyExceptionClass_Check(object);
}
static inline int plimsoll_is_exception(PyObject *object) {
  return PyExceptionInstance_Check(object);
}
static inline int plimsoll_is_traceback(PyObject *object) {
  return PyTraceBack_Check(object);
}

/// Low 32 bits of the reference count: the count itself in every version (3.14 keeps flags in the
/// upper half), and never 1 for an immortal object.
static inline uint32_t plimsoll_reference_count(PyObject *object) {
  uint32_t low;
  __builtin_memcpy(&low, &object->ob_refcnt, sizeof low);
  return low;
}

/// The whole field of the reference count, 64 bits, whatever the version keeps in it.
static inline uint64_t plimsoll_reference_field(PyObject *object) {
  uint64_t field;
  __builtin_memcpy(&field, &object->ob_refcnt, sizeof field);
  return field;
}
static inline void plimsoll_set_reference_field(PyObject *object, uint64_t field) {
  __builtin_memcpy(&object->ob_refcnt, &field, sizeof field);
}

/// A function of a type, NULL where it has none. Static types too, from 3.10 on.
static inline void *plimsoll_slot(PyObject *type, int slot) {
  return PyType_GetSlot((PyTypeObject *)type, slot);
}
static inline int plimsoll_slot_dealloc(void) { return Py_tp_dealloc; }
static inline int plimsoll_slot_base(void) { return Py_tp_base; }
/// Whether instances of the type have something to do before they go (`__del__` and the like).
static inline int plimsoll_has_finalizer(PyObject *type) {
  return plimsoll_slot(type, Py_tp_finalize) != NULL || plimsoll_slot(type, Py_tp_del) != NULL;
}
/// Calls `visit` for what an object refers to, as the collector does; nothing where the collector
/// would not look into it.
static inline void plimsoll_traverse(PyObject *object, int (*visit)(PyObject *, void *),
                                     void *context) {
  PyTypeObject *type = object->ob_type;
  if (!(PyType_GetFlags(type) & Py_TPFLAGS_HAVE_GC)) return;
  inquiry is_collected = (inquiry)PyType_GetSlot(type, Py_tp_is_gc);
  if (is_collected && !is_collected(object)) return;
  traverseproc traverse = (traverseproc)PyType_GetSlot(type, Py_tp_traverse);
  if (traverse) traverse(object, visit, context);
}
static inline int plimsoll_is_dict(PyObject *object) {
  return object->ob_type == &PyDict_Type || PyDict_Check(object);
}
static inline int plimsoll_is_type(PyObject *object) {
  return object->ob_type == &PyType_Type || PyType_Check(object);
}
static inline int plimsoll_is_heap_type(PyObject *object) {
  return plimsoll_is_type(object)
         && (PyType_GetFlags((PyTypeObject *)object) & Py_TPFLAGS_HEAPTYPE) != 0;
}
/// Weak references without their proxies.
static inline int plimsoll_is_weak_reference(PyObject *object) {
  return object->ob_type == &_PyWeakref_RefType
         || PyType_IsSubtype(object->ob_type, &_PyWeakref_RefType);
}
static inline int plimsoll_is_exact_str(PyObject *object) {
  return object->ob_type == &PyUnicode_Type;
}
/// New references to the names a class made by Python code has.
static inline PyObject *plimsoll_type_name(PyObject *type) {
  return PyType_GetName((PyTypeObject *)type);
}
static inline PyObject *plimsoll_type_qualified_name(PyObject *type) {
  return PyType_GetQualName((PyTypeObject *)type);
}

// Calls. Vectorcall is exported by 3.11 too, though it joined the stable ABI only in 3.12: a weak
// reference takes it where it is.
extern PyObject *PyObject_Vectorcall(PyObject *callable, PyObject *const *args, size_t count,
                                     PyObject *names) __attribute__((weak));
static inline PyObject *plimsoll_call2(PyObject *callable, PyObject *first, PyObject *second) {
  if (PyObject_Vectorcall) {
    PyObject *args[3] = {NULL, first, second};
    return PyObject_Vectorcall(callable, args + 1, 2 | ((size_t)1 << (8 * sizeof(size_t) - 1)),
                               NULL);
  }
  return PyObject_CallFunctionObjArgs(callable, first, second, NULL);
}
static inline PyObject *plimsoll_call0(PyObject *callable) {
  return PyObject_CallFunctionObjArgs(callable, NULL);
}
static inline PyObject *plimsoll_call1(PyObject *callable, PyObject *first) {
  return PyObject_CallFunctionObjArgs(callable, first, NULL);
}
static inline PyObject *plimsoll_call3(PyObject *callable, PyObject *first, PyObject *second,
                                       PyObject *third) {
  return PyObject_CallFunctionObjArgs(callable, first, second, third, NULL);
}

// Objects of the extension's own types.
/// A Python object that leads to a Swift one; NULL once that has let go.
typedef struct {
  PyObject base;
  void *target;
} plimsoll_link;

/// An instance of wsgi.file_wrapper.
typedef struct {
  PyObject base;
  PyObject *file;
  PyObject *block_size;
} plimsoll_file_wrapper;

// Entries of slot and method tables.
typedef PyObject *(*plimsoll_fast_function)(PyObject *self, PyObject *const *args,
                                            Py_ssize_t count);
typedef PyObject *(*plimsoll_keyword_function)(PyObject *self, PyObject *const *args,
                                               Py_ssize_t count, PyObject *names);
static inline PyMethodDef plimsoll_fast_method(const char *name, plimsoll_fast_function function,
                                               const char *doc) {
  PyMethodDef method = {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc};
  return method;
}
static inline PyMethodDef plimsoll_keyword_method(const char *name,
                                                  plimsoll_keyword_function function,
                                                  const char *doc) {
  PyMethodDef method = {name, (PyCFunction)(void (*)(void))function,
                        METH_FASTCALL | METH_KEYWORDS, doc};
  return method;
}
static inline PyType_Slot plimsoll_slot_destroy(destructor function) {
  PyType_Slot slot = {Py_tp_dealloc, (void *)function};
  return slot;
}
static inline PyType_Slot plimsoll_slot_new(newfunc function) {
  PyType_Slot slot = {Py_tp_new, (void *)function};
  return slot;
}
static inline PyType_Slot plimsoll_slot_iter(getiterfunc function) {
  PyType_Slot slot = {Py_tp_iter, (void *)function};
  return slot;
}
static inline PyType_Slot plimsoll_slot_next(iternextfunc function) {
  PyType_Slot slot = {Py_tp_iternext, (void *)function};
  return slot;
}
static inline PyType_Slot plimsoll_slot_methods(PyMethodDef *methods) {
  PyType_Slot slot = {Py_tp_methods, methods};
  return slot;
}
static inline PyType_Slot plimsoll_slot_getters(PyGetSetDef *getters) {
  PyType_Slot slot = {Py_tp_getset, getters};
  return slot;
}
static inline PyType_Slot plimsoll_slot_doc(const char *text) {
  PyType_Slot slot = {Py_tp_doc, (void *)text};
  return slot;
}
static inline PyType_Slot plimsoll_slot_end(void) {
  PyType_Slot slot = {0, NULL};
  return slot;
}

/// The flags of a type that only the extension makes instances of.
static inline unsigned int plimsoll_flags_internal(void) {
  return Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
}
/// The flags of a type that applications may call.
static inline unsigned int plimsoll_flags_callable(void) { return Py_TPFLAGS_DEFAULT; }

/// The signal that makes faulthandler write the stacks of all threads.
static inline int plimsoll_stack_signal(void) { return SIGRTMIN + 3; }
/// The signal that makes the main thread look whether it is to be interrupted.
static inline int plimsoll_wake_signal(void) { return SIGRTMIN + 4; }

#endif
