/* The peer of the collectives: one MPI call and nothing else, over a ring of buffers of the same sizes and
 * alignment, filled with numbers that are not zero. Sums are of floats; the root is rank 0.
 *
 *   mpiexec -n 2 bare_collective NAME BYTES RING SECONDS
 *
 * NAME is that of the benchmark's folder (allreduce, allgather, ...), BYTES what its parameter of that name means (any
 * number for a barrier). Prints one number: seconds per iteration, the median over intervals of the longest time over
 * ranks. An interval is a batch of at least 2 ms, chosen after a warm-up of a tenth of SECONDS; as in Assay at most 64
 * are kept, and when there are more, neighbours are merged and batches doubled: otherwise noise would weigh differently
 * in the two. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { line_bytes = 64, page_bytes = 4096, most_intervals = 64, root = 0 };

static int rank = 0;
static int ranks = 1;

/* A call on one slot; `count` floats are the whole message, `block` those of one rank where it consists of blocks. */
static void allreduce(const void* input, void* result, int count, int block) {
  (void)block;
  MPI_Allreduce(input, result, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
static void reduce_scatter(const void* input, void* result, int count, int block) {
  (void)count;
  MPI_Reduce_scatter_block(input, result, block, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
static void allgather(const void* input, void* result, int count, int block) {
  (void)count;
  MPI_Allgather(input, block, MPI_FLOAT, result, block, MPI_FLOAT, MPI_COMM_WORLD);
}
static void alltoall(const void* input, void* result, int count, int block) {
  (void)count;
  MPI_Alltoall(input, block, MPI_FLOAT, result, block, MPI_FLOAT, MPI_COMM_WORLD);
}
static void broadcast(const void* input, void* result, int count, int block) {
  (void)input;
  (void)block;
  MPI_Bcast(result, count, MPI_FLOAT, root, MPI_COMM_WORLD);
}
static void reduce(const void* input, void* result, int count, int block) {
  (void)block;
  MPI_Reduce(input, result, count, MPI_FLOAT, MPI_SUM, root, MPI_COMM_WORLD);
}
static void barrier(const void* input, void* result, int count, int block) {
  (void)input;
  (void)result;
  (void)count;
  (void)block;
  MPI_Barrier(MPI_COMM_WORLD);
}

/* What a rank holds of a slot. */
enum share { none, one_block, whole, whole_on_root };

static const struct collective {
  const char* name;
  void (*call)(const void*, void*, int, int);
  enum share input, result;
} collectives[] = {
    {"allreduce", allreduce, whole, whole},      {"reduce_scatter", reduce_scatter, whole, one_block},
    {"allgather", allgather, one_block, whole},  {"alltoall", alltoall, whole, whole},
    {"broadcast", broadcast, none, whole},       {"reduce", reduce, whole, whole_on_root},
    {"barrier", barrier, none, none},
};

static size_t stride_of(enum share share, size_t bytes) {
  size_t held = 0;
  if (share == whole || (share == whole_on_root && rank == root)) held = bytes;
  if (share == one_block) held = bytes / (size_t)ranks;
  return held > 0 ? (held + line_bytes - 1) / line_bytes * line_bytes : line_bytes;
}

static char* ring_memory(size_t stride, size_t ring) {
  const size_t bytes = (stride * ring + page_bytes - 1) / page_bytes * page_bytes;
  char* memory = aligned_alloc(page_bytes, bytes);
  if (memory == NULL) {
    fprintf(stderr, "bare_collective: no memory for %zu bytes\n", bytes);
    MPI_Abort(MPI_COMM_WORLD, 4);
  }
  for (size_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) *(float*)(memory + i) = 1.0F + (float)(i % 1021);
  return memory;
}

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const struct collective* chosen = NULL;
  for (size_t i = 0; argc > 1 && i < sizeof collectives / sizeof collectives[0]; ++i) {
    if (strcmp(argv[1], collectives[i].name) == 0) chosen = &collectives[i];
  }
  const size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
  const size_t ring = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
  const double seconds = argc > 4 ? strtod(argv[4], NULL) : 0;
  if (chosen == NULL || bytes == 0 || bytes % (sizeof(float) * (size_t)ranks) != 0 || ring == 0 || !(seconds > 0)) {
    if (rank == 0) {
      fprintf(stderr, "usage: bare_collective NAME BYTES RING SECONDS (BYTES a multiple of 4 times the ranks)\n");
    }
    MPI_Finalize();
    return 3;
  }
  const int count = (int)(bytes / sizeof(float));
  const int block = count / ranks;
  const size_t input_stride = stride_of(chosen->input, bytes);
  const size_t result_stride = stride_of(chosen->result, bytes);
  char* const input = ring_memory(input_stride, ring);
  char* const result = ring_memory(result_stride, ring);

  static double times[most_intervals];
  int intervals = 0;
  long passes = 1;
  int warm = 0;
  int go_on = 1;
  const double begin = MPI_Wtime();
  while (go_on) {
    if (intervals == most_intervals) {
      for (int i = 0; i < most_intervals / 2; ++i) times[i] = (times[2 * i] + times[2 * i + 1]) / 2;
      intervals /= 2;
      passes *= 2;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    for (long pass = 0; pass < passes; ++pass) {
      for (size_t slot = 0; slot < ring; ++slot) {
        chosen->call(input + slot * input_stride, result + slot * result_stride, count, block);
      }
    }
    double own = (MPI_Wtime() - start) / ((double)passes * (double)ring);
    double longest = 0;
    MPI_Allreduce(&own, &longest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    const double spent = MPI_Wtime() - begin;
    if (warm) {
      times[intervals++] = longest;
      go_on = spent < seconds;
    } else {
      const double interval = seconds / 16 < 2e-3 ? seconds / 16 : 2e-3;
      passes = (long)(interval / (longest * (double)ring)) + 1;
      warm = spent > seconds / 10;
    }
    /* Rank 0 decides for all. */
    long decision[3] = {go_on, warm, passes};
    MPI_Bcast(decision, 3, MPI_LONG, 0, MPI_COMM_WORLD);
    go_on = (int)decision[0];
    warm = (int)decision[1];
    passes = decision[2];
  }
  if (rank == 0) {
    qsort(times, (size_t)intervals, sizeof times[0], ascending);
    const double upper = times[intervals / 2];
    const double lower = times[(intervals - 1) / 2];
    printf("%.9e\n", (lower + upper) / 2);
  }
  free(input);
  free(result);
  MPI_Finalize();
  return 0;
}
