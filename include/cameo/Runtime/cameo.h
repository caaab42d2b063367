/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The C interface of Cameo's runtime (`libcameo-runtime.so`): open a bundle, make sessions on a
 * device, run them. It needs no compiler, no CUDA toolkit, and no GPU: the device `sim` executes the
 * bundle's PTX on the CPU and checks it.
 *
 * Ownership. Handles are made by `..._open` and `..._create` and freed by the matching destroy
 * function (null is allowed there). A session keeps its bundle alive. Strings and arrays that are
 * returned belong to the handle they were asked of and live as long as it does, those of a run until
 * the session's next run.
 * Threads. A bundle is immutable and shared by any number of threads. A session belongs to one thread
 * at a time (a second one gets CAMEO_USAGE); `cameo_session_cancel` may be called from any thread and
 * from a signal handler.
 * Errors. Functions that can fail return a status, whose values are the exit codes of the tool
 * `cameo`, and set *error (where error is not null) to an object that the caller destroys. Nothing
 * throws, aborts, or writes to stdout or stderr.
 * Units. Sizes are bytes, dimensions elements, times milliseconds, limits of time seconds.
 * Growth. Structures begin with `struct_size`, which the caller sets to sizeof() (for options, their
 * init function does). They grow at the end.
 */
#ifndef CAMEO_RUNTIME_CAMEO_H
#define CAMEO_RUNTIME_CAMEO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(CAMEO_RUNTIME_BUILD)
#define CAMEO_EXPORT __attribute__((visibility("default")))
#else
#define CAMEO_EXPORT
#endif

typedef struct cameo_bundle cameo_bundle;
typedef struct cameo_session cameo_session;
typedef struct cameo_error cameo_error;
typedef struct cameo_stream cameo_stream;
typedef struct cameo_event cameo_event;

typedef enum cameo_status {
  CAMEO_OK = 0,
  CAMEO_USAGE = 1,       /* a call that cannot be meant */
  CAMEO_UNSUPPORTED = 2, /* legal, but not offered here: newer format, unknown host operation */
  CAMEO_INVALID = 3,     /* damaged or hostile bundle or PTX */
  CAMEO_INTERNAL = 6,    /* a defect of ours, or an unexpected error of the driver */
  CAMEO_NO_DEVICE = 7,   /* no such device, or its library cannot be opened */
  CAMEO_BAD_INPUT = 8,   /* dtype, rank, shape, alignment, device or values of what was passed */
  CAMEO_RESOURCES = 9,   /* input/output error or memory limit */
  CAMEO_TIME_LIMIT = 10,
  CAMEO_FINDING_MEMORY = 20, /* what the device `sim` found in a kernel: */
  CAMEO_FINDING_RACE = 21,
  CAMEO_FINDING_ASYNC = 22,
  CAMEO_FINDING_BARRIER = 23,
  CAMEO_FINDING_DIVERGENCE = 24,
  CAMEO_FINDING_DEADLOCK = 25,
  CAMEO_INTERRUPTED = 130 /* cameo_session_cancel was called */
} cameo_status;

/* Element types have the numbers of ONNX's TensorProto.DataType: 1 is float32, 7 int64, 10 float16. */
typedef int32_t cameo_dtype;

typedef enum cameo_device { CAMEO_AUTOMATIC = 0, CAMEO_SIM = 1, CAMEO_CUDA = 2 } cameo_device;
typedef enum cameo_place { CAMEO_HOST_MEMORY = 0, CAMEO_CUDA_MEMORY = 1 } cameo_place;
typedef enum cameo_log_level {
  CAMEO_LOG_ERROR = 0,
  CAMEO_LOG_WARNING = 1,
  CAMEO_LOG_INFO = 2,
  CAMEO_LOG_DEBUG = 3
} cameo_log_level;

/* -- process ------------------------------------------------------------------------------------ */
CAMEO_EXPORT const char *cameo_version(void); /* "0.1.0" */
/* Messages up to `most_verbose` go to the callback, from any thread, one at a time. Null: silence. */
typedef void (*cameo_log_callback)(void *user, cameo_log_level level, const char *message);
CAMEO_EXPORT void cameo_set_log(cameo_log_callback callback, void *user, cameo_log_level most_verbose);
/* CUDA devices that can be used; 0 where there is no driver. */
CAMEO_EXPORT int cameo_cuda_device_count(void);

/* -- errors ------------------------------------------------------------------------------------- */
CAMEO_EXPORT cameo_status cameo_error_status(const cameo_error *error);
CAMEO_EXPORT const char *cameo_error_message(const cameo_error *error); /* one sentence */
CAMEO_EXPORT const char *cameo_error_kernel(const cameo_error *error);  /* "" if none is at fault */
CAMEO_EXPORT size_t cameo_error_node_count(const cameo_error *error);   /* ONNX nodes concerned */
CAMEO_EXPORT const char *cameo_error_node(const cameo_error *error, size_t index);
CAMEO_EXPORT void cameo_error_destroy(cameo_error *error);

/* -- bundles ------------------------------------------------------------------------------------ */
/* Maps the file and checks all of it, weights included. */
CAMEO_EXPORT cameo_status cameo_bundle_open(const char *path, cameo_bundle **bundle, cameo_error **error);
CAMEO_EXPORT void cameo_bundle_destroy(cameo_bundle *bundle);
CAMEO_EXPORT const char *cameo_bundle_model(const cameo_bundle *bundle);    /* the model's name */
CAMEO_EXPORT const char *cameo_bundle_producer(const cameo_bundle *bundle); /* "cameo 0.1.0" */
CAMEO_EXPORT const char *cameo_bundle_report(const cameo_bundle *bundle);   /* JSON, or "" */

/* A declared input or output. A dimension is a number or a formula over named sizes, as text. */
typedef struct cameo_port {
  uint32_t struct_size;
  cameo_dtype dtype;
  const char *name;
  uint32_t rank;
  const char *const *dims;
} cameo_port;
CAMEO_EXPORT size_t cameo_bundle_input_count(const cameo_bundle *bundle);
CAMEO_EXPORT size_t cameo_bundle_output_count(const cameo_bundle *bundle);
CAMEO_EXPORT cameo_status cameo_bundle_input(const cameo_bundle *bundle, size_t index, cameo_port *port);
CAMEO_EXPORT cameo_status cameo_bundle_output(const cameo_bundle *bundle, size_t index, cameo_port *port);

/* -- streams and events ------------------------------------------------------------------------- */
/* A queue of work on a device. On sim, work is done when the call that asked for it returns. */
CAMEO_EXPORT cameo_status cameo_stream_create(cameo_device device, int index, cameo_stream **stream,
                                              cameo_error **error);
/* Work of a CUstream of the caller (PyTorch's, for one), which has to outlive the handle. */
CAMEO_EXPORT cameo_status cameo_stream_wrap_cuda(void *cu_stream, int index, cameo_stream **stream,
                                                 cameo_error **error);
CAMEO_EXPORT cameo_status cameo_stream_synchronize(cameo_stream *stream, cameo_error **error);
CAMEO_EXPORT void *cameo_stream_native(const cameo_stream *stream); /* the CUstream; null on sim */
CAMEO_EXPORT void cameo_stream_destroy(cameo_stream *stream);

CAMEO_EXPORT cameo_status cameo_event_create(const cameo_stream *stream, cameo_event **event,
                                             cameo_error **error);
CAMEO_EXPORT cameo_status cameo_event_record(cameo_event *event, cameo_stream *stream, cameo_error **error);
CAMEO_EXPORT cameo_status cameo_event_synchronize(cameo_event *event, cameo_error **error);
CAMEO_EXPORT cameo_status cameo_event_elapsed(const cameo_event *begin, const cameo_event *end,
                                              double *milliseconds, cameo_error **error);
CAMEO_EXPORT void cameo_event_destroy(cameo_event *event);

/* -- sessions ----------------------------------------------------------------------------------- */
typedef struct cameo_session_options {
  uint32_t struct_size;
  cameo_device device;   /* CAMEO_AUTOMATIC: cuda where there is a GPU, else sim */
  int32_t device_index;  /* cuda */
  int32_t profile;       /* 1: record each launch */
  uint64_t memory_limit; /* bytes; 0: 80 % of what is free */
  double time_limit;     /* seconds for one run; 0: none */
  cameo_stream *stream;  /* null: one of the session's own; has to outlive the session */
  int32_t graphs;        /* cuda: 1 (default) replays a program without host steps as one graph */
  /* sim: */
  uint32_t checks;       /* 0 none, 1 memory, 2 all (default); bounds are always held */
  uint32_t schedule;     /* 0 round robin (default), 1 random, 2 producer, 3 consumer, 4 later blocks starved */
  uint32_t async_point;  /* asynchronous copies land 0 as late as allowed (default), 1 early, 2 at random */
  uint64_t seed;
  uint32_t host_threads; /* 0: all cores */
  uint32_t input_offset; /* inputs and outputs begin this many bytes behind a 256-byte boundary */
  /* all devices: 1 refuses bundles with host steps other than reading control operands before launch and
   * integer arithmetic on at most 64 elements that reaches only those (CAMEO_UNSUPPORTED) */
  int32_t strict;
  const char *target; /* sim: run the bundle's code for this target, as "sm_86"; null: for the lowest */
} cameo_session_options;
/* Defaults. `size` is sizeof(cameo_session_options) as the caller was compiled with it. */
CAMEO_EXPORT void cameo_session_options_init(cameo_session_options *options, size_t size);

CAMEO_EXPORT cameo_status cameo_session_create(cameo_bundle *bundle, const cameo_session_options *options,
                                               cameo_session **session, cameo_error **error);
CAMEO_EXPORT void cameo_session_destroy(cameo_session *session);
CAMEO_EXPORT cameo_device cameo_session_device(const cameo_session *session);
CAMEO_EXPORT const char *cameo_session_device_name(const cameo_session *session);

typedef struct cameo_tensor {
  uint32_t struct_size;
  cameo_dtype dtype;
  uint32_t rank;
  cameo_place place;
  int32_t device_index; /* CAMEO_CUDA_MEMORY */
  const int64_t *dims;
  const int64_t *strides; /* in elements; null: C order. Anything but C order is refused */
  void *data;             /* inputs are only read */
  uint64_t bytes;         /* size of the memory at `data` */
} cameo_tensor;

/* Runs once and waits for the end. `inputs` in the bundle's order. `outputs` null, or one tensor per
 * output: those with `data` are written there (place and size checked; dims are not looked at). */
CAMEO_EXPORT cameo_status cameo_session_run(cameo_session *session, const cameo_tensor *inputs,
                                            size_t input_count, const cameo_tensor *outputs,
                                            size_t output_count, cameo_error **error);
/* Stops the run in progress, or the next one. Callable from signal handlers. */
CAMEO_EXPORT void cameo_session_cancel(cameo_session *session);

/* An output of the last run. `data` is null: ask `cameo_session_output_data` (host memory of the
 * session), or copy with `cameo_session_read_output`. On cuda `data` is the device address. */
CAMEO_EXPORT cameo_status cameo_session_output(cameo_session *session, size_t index, cameo_tensor *output,
                                               cameo_error **error);
CAMEO_EXPORT cameo_status cameo_session_output_data(cameo_session *session, size_t index,
                                                    const void **data, cameo_error **error);
CAMEO_EXPORT cameo_status cameo_session_read_output(cameo_session *session, size_t index, void *to,
                                                    uint64_t bytes, cameo_error **error);
/* sim: how many bytes of the output no instruction of a kernel has written, and the first of them. */
CAMEO_EXPORT cameo_status cameo_session_output_unwritten(cameo_session *session, size_t index,
                                                         uint64_t *missing, uint64_t *first,
                                                         cameo_error **error);

/* What a run did. */
typedef struct cameo_run_info {
  uint32_t struct_size;
  uint32_t launches;     /* kernels launched (0 for a replayed graph) */
  uint32_t kernels;      /* different ones among them */
  uint32_t host_steps;   /* copies, fills, sizes read or written */
  uint64_t arena_bytes;  /* peak of all temporaries, as planned */
  uint64_t memory_limit; /* in force */
} cameo_run_info;
CAMEO_EXPORT cameo_status cameo_session_run_info(const cameo_session *session, cameo_run_info *info);

/* One launch of the last run of a session with `profile`. On cuda `milliseconds` is device time; on sim
 * it is the host's, which says nothing of any GPU, and the counts are filled. */
typedef struct cameo_launch_info {
  uint32_t struct_size;
  uint32_t step, variant;
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared_bytes;
  const char *kernel, *family;
  size_t node_count;
  const char *const *nodes; /* ONNX nodes it computes */
  const char *predicted;    /* JSON of the performance model, or "" */
  double milliseconds;
  int32_t has_counts;
  uint64_t warp_instructions, thread_instructions, fma, special;
  uint64_t global_load_bytes, global_load_sectors, global_store_bytes, global_store_sectors;
  uint64_t shared_load_bytes, shared_store_bytes, shared_load_wavefronts, shared_store_wavefronts;
  uint64_t mma_instructions, mma_fma, async_copy_bytes, local_bytes, barriers;
  uint64_t alu, convert, control;
  uint64_t global_load_requests, global_store_requests, shared_load_requests, shared_store_requests;
  uint64_t atomic_requests, atomic_threads, divergent_branches;
} cameo_launch_info;
CAMEO_EXPORT size_t cameo_session_launch_count(const cameo_session *session);
CAMEO_EXPORT cameo_status cameo_session_launch(const cameo_session *session, size_t index,
                                               cameo_launch_info *info);

/* One thing that the device `sim` found in the last run (which then failed with its status). */
typedef struct cameo_finding {
  uint32_t struct_size;
  cameo_status status; /* CAMEO_FINDING_... */
  uint32_t kind;       /* cameo_ptx_finding_kind */
  uint32_t step, line; /* line of the PTX text, from 1 */
  uint32_t block[3], thread[3];
  const char *kernel;
  size_t node_count;
  const char *const *nodes;
  uint64_t address, object_bytes;
  int64_t offset; /* of the address in `object` */
  uint32_t access_bytes, threads;
  const char *instruction, *location, *object, *message, *remedy;
} cameo_finding;
CAMEO_EXPORT size_t cameo_session_finding_count(const cameo_session *session);
CAMEO_EXPORT cameo_status cameo_session_finding(const cameo_session *session, size_t index,
                                                cameo_finding *finding);

#ifdef __cplusplus
}
#endif
#endif
