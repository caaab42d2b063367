/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The C interface of the PTX machine (`libcameo-ptx.so`): PTX text is parsed, executed on the CPU
 * and checked. The runtime opens the library with dlopen and asks for the function table
 *
 *     const cameo_ptx_api_v1 *api = ((cameo_ptx_api_fn)dlsym(lib, "cameo_ptx_api"))(1);
 *
 * The result is NULL where that version is not offered. A version never changes: structures grow
 * only at their end, and each begins with `struct_size`, which the caller sets to the sizeof() that
 * it was compiled with. No exception and no abort crosses this interface; errors are statuses with
 * a text that names the place. Addresses are *device* addresses (never host pointers), deterministic
 * from run to run. A module is immutable and may be shared by threads; a memory and what runs on it
 * belong to one thread at a time (a launch itself uses as many host threads as it is told).
 */
#ifndef CAMEO_PTX_CAMEO_PTX_H
#define CAMEO_PTX_CAMEO_PTX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define CAMEO_PTX_EXPORT __declspec(dllexport)
#else
#define CAMEO_PTX_EXPORT __attribute__((visibility("default")))
#endif

typedef struct cameo_ptx_module cameo_ptx_module; /* parsed and decoded PTX */
typedef struct cameo_ptx_memory cameo_ptx_memory; /* the memory of one simulated device */
typedef struct cameo_ptx_result cameo_ptx_result; /* what a launch did */
typedef struct cameo_ptx_text cameo_ptx_text;     /* a text handed to the caller */

typedef enum cameo_ptx_status {
  CAMEO_PTX_OK = 0,
  CAMEO_PTX_BAD_ARGUMENT = 1,  /* a call that cannot be meant: null, wrong size, unknown kernel */
  CAMEO_PTX_BAD_PTX = 2,       /* the text is not PTX; the error text has file:line */
  CAMEO_PTX_UNSUPPORTED = 3,   /* PTX, but with an opcode or modifier that is not implemented */
  CAMEO_PTX_OUT_OF_MEMORY = 4, /* the memory's limit, or the host's */
  CAMEO_PTX_OUT_OF_BOUNDS = 5, /* a host access outside of one allocation */
  CAMEO_PTX_FINDING = 6,       /* the launch ended with at least one finding */
  CAMEO_PTX_CANCELLED = 7,     /* the cancel flag was set */
  CAMEO_PTX_STEP_LIMIT = 8,    /* the step limit was reached */
  CAMEO_PTX_INTERNAL = 9
} cameo_ptx_status;

/* What a finding is about; `finding.exit_code` has the class: 20 memory, 21 race, 22 asynchrony,
 * 23 barrier, 24 divergence, 25 deadlock. */
typedef enum cameo_ptx_finding_kind {
  CAMEO_PTX_F_OUT_OF_BOUNDS = 1,    /* 20 outside every allocation or declared variable */
  CAMEO_PTX_F_MISALIGNED = 2,       /* 20 */
  CAMEO_PTX_F_UNINITIALISED = 3,    /* 20 bytes that nothing has written */
  CAMEO_PTX_F_UNINIT_REGISTER = 4,  /* 20 */
  CAMEO_PTX_F_READ_ONLY = 5,        /* 20 a store to const, to parameters or to read-only memory */
  CAMEO_PTX_F_USE_AFTER_FREE = 6,   /* 20 */
  CAMEO_PTX_F_NULL = 7,             /* 20 an address in the first page */
  CAMEO_PTX_F_RACE = 8,             /* 21 */
  CAMEO_PTX_F_ASYNC_IN_FLIGHT = 9,  /* 22 bytes of an asynchronous copy used before its wait */
  CAMEO_PTX_F_ASYNC_LEFT = 10,      /* 22 copies outstanding where the thread exits */
  CAMEO_PTX_F_BARRIER = 11,         /* 23 wrong count, id, or kind of a barrier */
  CAMEO_PTX_F_DIVERGENCE = 12,      /* 24 `.aligned`, `.sync`, `.uni` with the wrong threads */
  CAMEO_PTX_F_DEADLOCK = 13,        /* 25 nothing can run and nothing is pending */
  CAMEO_PTX_F_TRAP = 14,            /* 20 the kernel executed `trap`, or called a failed assert */
  CAMEO_PTX_F_LAUNCH = 15,          /* 20 grid, block, arguments that the kernel forbids */
  CAMEO_PTX_F_STACK = 16,           /* 20 local memory or call depth exhausted */
  CAMEO_PTX_F_MBARRIER = 17,        /* 23 phase, counts, bytes, life of an mbarrier */
  CAMEO_PTX_F_PROXY = 18,           /* 21 a proxy fence is missing before an asynchronous access */
  CAMEO_PTX_F_ASYNC_SOURCE = 19,    /* 22 the source of a copy overwritten while it may be read */
  CAMEO_PTX_F_TENSOR_MAP = 20,      /* 22 no tensor map, one of another rank, or changed in use */
  CAMEO_PTX_F_DESCRIPTOR = 21       /* 22 a matrix descriptor of wgmma that describes no such matrix */
} cameo_ptx_finding_kind;

typedef struct cameo_ptx_param {
  uint32_t struct_size;
  uint32_t offset, size, align; /* bytes, in the packed argument buffer */
  const char *name;             /* owned by the module */
  uint32_t is_pointer;          /* 1 where the PTX says `.ptr` */
} cameo_ptx_param;

typedef struct cameo_ptx_kernel {
  uint32_t struct_size;
  uint32_t param_count, arg_bytes; /* arg_bytes: size of the packed argument buffer */
  const char *name;                /* owned by the module */
  uint32_t static_shared_bytes;    /* as laid out without the machine's gaps */
  uint32_t local_bytes;            /* per thread */
  uint32_t reqntid[3];             /* 0, 0, 0 where the kernel does not say */
  uint32_t maxntid[3];             /* 0, 0, 0 where the kernel does not say */
  uint32_t uses_dynamic_shared;
  uint32_t instructions;
} cameo_ptx_kernel;

typedef struct cameo_ptx_version {
  uint32_t struct_size;
  uint32_t isa_major, isa_minor; /* `.version` */
  const char *target;            /* "sm_80"; owned by the module */
} cameo_ptx_version;

/* `checks`: bounds are always held, whatever is asked, so that a kernel cannot touch the host. */
enum { CAMEO_PTX_CHECK_NONE = 0, CAMEO_PTX_CHECK_MEMORY = 1, CAMEO_PTX_CHECK_ALL = 2 };
enum {
  CAMEO_PTX_SCHEDULE_ROUND_ROBIN = 0,
  CAMEO_PTX_SCHEDULE_RANDOM = 1,
  CAMEO_PTX_SCHEDULE_PRODUCER_STARVED = 2, /* the first warps of a block run last */
  CAMEO_PTX_SCHEDULE_CONSUMER_STARVED = 3, /* the last warps of a block run last */
  CAMEO_PTX_SCHEDULE_LATER_BLOCKS_STARVED = 4
};
/* When an asynchronous copy lands: as late as the wait that covers it allows (finds missing waits
 * and sources overwritten too early), as early as possible, or at a random point between. */
/* How mma and wgmma add: each element by ascending k with one f32 fused multiply-add per step, or
 * as tensor cores of the module's target were found to (aligned to the greatest exponent and cut
 * off; fp8 of sm_89 and of wgmma with 13 bits). */
/* What a launch keeps: when warps and copies did what, or which thread touched which bytes between which barriers
 * (with CAMEO_PTX_CHECK_ALL, on one host thread; lib/Ptx/Footprints.h has the rows). */
enum { CAMEO_PTX_TRACE_NONE = 0, CAMEO_PTX_TRACE_TIMELINE = 1, CAMEO_PTX_TRACE_FOOTPRINTS = 2 };
enum { CAMEO_PTX_MMA_IEEE = 0, CAMEO_PTX_MMA_HARDWARE = 1 };
enum { CAMEO_PTX_ASYNC_LATEST = 0, CAMEO_PTX_ASYNC_EARLIEST = 1, CAMEO_PTX_ASYNC_RANDOM = 2 };

typedef struct cameo_ptx_launch {
  uint32_t struct_size;
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared_bytes;
  const void *args;   /* packed as `cameo_ptx_param.offset` says; copied before launch returns */
  uint64_t arg_bytes; /* has to be at least the kernel's */
  uint32_t checks;    /* CAMEO_PTX_CHECK_... */
  uint32_t schedule;  /* CAMEO_PTX_SCHEDULE_... */
  uint32_t async_point;
  uint32_t counts; /* 1: fill the counts (slower) */
  uint64_t seed;
  uint64_t step_limit;        /* warp instructions of one block; 0: none */
  const volatile int *cancel; /* may be null; polled atomically; any value but 0 stops the launch */
  uint32_t host_threads;      /* 0: as many as the machine has cores */
  uint32_t max_findings;      /* 0: 16; findings of one PTX line and kind are reported once */
  uint32_t trace;             /* CAMEO_PTX_TRACE_... (slower, and up to some 100 MB) */
  /* -- since clusters (struct_size tells whether they are given) -- */
  uint32_t cluster[3];  /* blocks of a cluster; zeros: what the kernel says of itself, or none */
  uint32_t cooperative; /* 1: all blocks are on the machine together (grid.sync of cooperative groups) */
  uint32_t mma;         /* CAMEO_PTX_MMA_... */
} cameo_ptx_launch;

/* Strings are owned by the result. Coordinates are those of the first thread concerned. */
typedef struct cameo_ptx_finding {
  uint32_t struct_size;
  uint32_t kind;      /* cameo_ptx_finding_kind */
  uint32_t exit_code; /* 20 to 25 */
  uint32_t line;      /* of the PTX text, from 1 */
  uint32_t block[3], thread[3];
  uint64_t address;       /* device address, or offset in the space; 0 where there is none */
  int64_t offset;         /* of the address from the beginning of `object` */
  uint64_t object_bytes;  /* size of `object` */
  uint32_t access_bytes;  /* of one thread */
  uint32_t threads;       /* threads of this warp that have it */
  const char *kernel;
  const char *instruction; /* the PTX of that line */
  const char *location;    /* file:line:column of `.loc`, or the comment of the line; "" if none */
  const char *object;      /* name of the allocation or variable; "" if none */
  const char *message;     /* one sentence */
  const char *remedy;      /* one sentence */
} cameo_ptx_finding;

/* Exact, over the whole launch. Thread figures count active threads only. */
typedef struct cameo_ptx_counts {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t warp_instructions, thread_instructions;
  uint64_t alu, fma, special, convert, control; /* thread instructions by kind */
  uint64_t global_load_requests, global_load_bytes, global_load_sectors;
  uint64_t global_store_requests, global_store_bytes, global_store_sectors;
  uint64_t atomic_requests, atomic_threads;
  uint64_t shared_load_requests, shared_load_bytes, shared_load_wavefronts;
  uint64_t shared_store_requests, shared_store_bytes, shared_store_wavefronts;
  uint64_t local_bytes;
  uint64_t async_copy_bytes;
  uint64_t mma_instructions, mma_fma; /* mma_fma: multiply-adds */
  uint64_t barriers;                  /* warps that arrived */
  uint64_t divergent_branches;
  /* Of the race checks: bytes of shared (of each block) and global memory that the launch has touched,
   * and what is kept of them: written or not, last write and reads, tables. */
  uint64_t checked_bytes, shadow_bytes;
} cameo_ptx_counts;

/* A tensor map, as cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col take it: dimension 0 is the innermost one, enumerations
 * have the driver's numbers. */
typedef struct cameo_ptx_tensor_map {
  uint32_t struct_size;
  uint32_t element_type; /* CUtensorMapDataType: 0 u8, 1 u16, 2 u32, 3 s32, 4 u64, 5 s64, 6 f16,
                          * 7 f32, 8 f64, 9 bf16, 10 f32 flushed, 11 tf32, 12 tf32 flushed */
  uint32_t rank;         /* 1 to 5 */
  uint32_t interleave;   /* 0: none */
  uint32_t swizzle;      /* 0: none, 1: 32, 2: 64, 3: 128 bytes */
  uint32_t l2_promotion; /* 0 to 3; has no effect */
  uint32_t oob_fill;     /* 0: zero, 1: NaN */
  uint32_t reserved;
  uint64_t address;         /* of the tensor in global memory, a multiple of 16 */
  uint64_t size[5];         /* elements */
  uint64_t stride_bytes[4]; /* of dimensions 1 to 4 */
  uint32_t box[5];          /* elements */
  uint32_t element_stride[5];
  /* -- since im2col (struct_size tells whether they are given) -- */
  uint32_t mode; /* 0: tile; 1: im2col, of 3 to 5 dimensions: channels, W, (H, (D,)) N; without `box` */
  int32_t pixel_box_lower_corner[3], pixel_box_upper_corner[3]; /* of W, H, D */
  uint32_t channels_per_pixel, pixels_per_column;
} cameo_ptx_tensor_map;
enum { CAMEO_PTX_TENSOR_MAP_BYTES = 128, CAMEO_PTX_TENSOR_MAP_ALIGN = 64 };

typedef struct cameo_ptx_api_v1 {
  uint32_t struct_size;
  uint32_t version; /* 1 */

  /* -- texts ------------------------------------------------------------------------------- */
  const char *(*text_data)(const cameo_ptx_text *); /* terminated by 0; "" for null */
  void (*text_destroy)(cameo_ptx_text *);           /* null is allowed */

  /* -- modules ----------------------------------------------------------------------------- */
  /* Parses and decodes all of it: whatever is not implemented is refused here. On failure *module
   * is null and *errors (where errors is not null) has one line per error, "file:line: ...". */
  cameo_ptx_status (*module_parse)(const char *text, size_t bytes, const char *file,
                                   cameo_ptx_module **module, cameo_ptx_text **errors);
  void (*module_destroy)(cameo_ptx_module *);
  cameo_ptx_status (*module_version)(const cameo_ptx_module *, cameo_ptx_version *);
  uint32_t (*module_kernel_count)(const cameo_ptx_module *);
  cameo_ptx_status (*module_kernel)(const cameo_ptx_module *, uint32_t kernel, cameo_ptx_kernel *);
  cameo_ptx_status (*module_find)(const cameo_ptx_module *, const char *name, uint32_t *kernel);
  cameo_ptx_status (*module_param)(const cameo_ptx_module *, uint32_t kernel, uint32_t param,
                                   cameo_ptx_param *);

  /* -- memory ------------------------------------------------------------------------------ */
  /* limit: bytes of all allocations together; 0: none. */
  cameo_ptx_status (*memory_create)(uint64_t limit, cameo_ptx_memory **);
  void (*memory_destroy)(cameo_ptx_memory *);
  /* Exactly `bytes` (0 is allowed: an address that nothing may touch) at a multiple of `align` (a
   * power of two, at least 1 and at most 2^20), with a gap to every other allocation. It is poisoned
   * and counts as never written. `name` is used in findings and copied; may be null. */
  cameo_ptx_status (*memory_alloc)(cameo_ptx_memory *, uint64_t bytes, uint64_t align,
                                   const char *name, uint64_t *address);
  /* Host bytes that kernels read in place, as mapped weights; they outlive the allocation. With
   * read_only a kernel's store is a finding. Counts as written. */
  cameo_ptx_status (*memory_import)(cameo_ptx_memory *, void *host, uint64_t bytes, int read_only,
                                    uint64_t align, const char *name, uint64_t *address);
  cameo_ptx_status (*memory_free)(cameo_ptx_memory *, uint64_t address);
  cameo_ptx_status (*memory_write)(cameo_ptx_memory *, uint64_t address, const void *, uint64_t);
  cameo_ptx_status (*memory_read)(const cameo_ptx_memory *, uint64_t address, void *, uint64_t);
  cameo_ptx_status (*memory_fill)(cameo_ptx_memory *, uint64_t address, uint8_t byte, uint64_t);
  cameo_ptx_status (*memory_copy)(cameo_ptx_memory *, uint64_t to, uint64_t from, uint64_t bytes);
  /* Fills with signalling NaNs. readable = 0: counts as never written, so that reading it is a
   * finding; readable = 1: may be read (pitch gaps that wide loads cross), and gives NaN.
   * Both forget what kernels have written there. */
  cameo_ptx_status (*memory_poison)(cameo_ptx_memory *, uint64_t address, uint64_t bytes,
                                    int readable);
  /* How many of the bytes no instruction of a kernel has written since the last poison (host writes
   * do not count), and the offset of the first. Launches without checks do not record it: all
   * bytes that they write count as not written. */
  cameo_ptx_status (*memory_unwritten)(const cameo_ptx_memory *, uint64_t address, uint64_t bytes,
                                       uint64_t *missing, uint64_t *first);
  uint64_t (*memory_in_use)(const cameo_ptx_memory *); /* bytes of all allocations */

  /* -- launches ---------------------------------------------------------------------------- */
  /* Runs to the end. *result is always set unless the status is BAD_ARGUMENT or OUT_OF_MEMORY. */
  cameo_ptx_status (*launch)(const cameo_ptx_module *, uint32_t kernel, cameo_ptx_memory *,
                             const cameo_ptx_launch *, cameo_ptx_result **);
  void (*result_destroy)(cameo_ptx_result *);
  uint32_t (*result_finding_count)(const cameo_ptx_result *);
  cameo_ptx_status (*result_finding)(const cameo_ptx_result *, uint32_t, cameo_ptx_finding *);
  cameo_ptx_status (*result_counts)(const cameo_ptx_result *, cameo_ptx_counts *);
  int (*result_exit_code)(const cameo_ptx_result *); /* 0, or the lowest class found */
  const char *(*result_text)(const cameo_ptx_result *);
  const char *(*result_json)(const cameo_ptx_result *);

  /* -- tensor maps (struct_size tells whether a library has them) --------------------------- */
  /* 128 opaque bytes, for a parameter or for global memory. BAD_ARGUMENT where a field is not what
   * cuTensorMapEncodeTiled takes; *error (where it is not null) then says which. */
  cameo_ptx_status (*tensor_map_encode)(const cameo_ptx_tensor_map *, void *bytes,
                                        cameo_ptx_text **error);
  cameo_ptx_status (*tensor_map_decode)(const void *bytes, cameo_ptx_tensor_map *,
                                        cameo_ptx_text **error);

  /* With `trace`: slices and waits of warps, copies in flight, phases of mbarriers, as JSON of the
   * Trace Event Format (Perfetto opens it). Its time is warp instructions of the host thread. Or the
   * rows of footprints. */
  const char *(*result_trace)(const cameo_ptx_result *);
} cameo_ptx_api_v1;

/* What the shared library exports, and nothing else in C. */
CAMEO_PTX_EXPORT const cameo_ptx_api_v1 *cameo_ptx_api(int version);
typedef const cameo_ptx_api_v1 *(*cameo_ptx_api_fn)(int version);

#ifdef __cplusplus
}
#endif
#endif
