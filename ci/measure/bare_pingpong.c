/* The peer of fabric/pingpong: MPI_Send, MPI_Recv and nothing else between the first rank and the last, over a ring of
 * buffers of the same size and alignment, filled with numbers that are not zero.
 *
 *   mpiexec -n 2 bare_pingpong BYTES RING SECONDS
 *
 * prints one number: seconds of one message, one way. RING is even; its messages go there and back by turns. The number
 * is the median over intervals of the longest time over ranks. An interval is a batch of at least 2 ms, chosen after a
 * warm-up of a tenth of SECONDS; as in Assay at most 64 are kept, and when there are more, neighbours are merged and
 * batches doubled: otherwise noise would weigh differently in the two. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { line_bytes = 64, page_bytes = 4096, most_intervals = 64 };

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return (x > y) - (x < y);
}

static char* ring_memory(size_t stride, size_t ring) {
  const size_t bytes = (stride * ring + page_bytes - 1) / page_bytes * page_bytes;
  char* memory = aligned_alloc(page_bytes, bytes);
  if (memory == NULL) {
    fprintf(stderr, "bare_pingpong: no memory for %zu bytes\n", bytes);
    MPI_Abort(MPI_COMM_WORLD, 4);
  }
  for (size_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) *(float*)(memory + i) = 1.0F + (float)(i % 1021);
  return memory;
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const size_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  const size_t ring = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
  const double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;
  if (argc < 4 || ring < 2 || ring % 2 != 0 || !(seconds > 0) || size < 2) {
    if (rank == 0) fprintf(stderr, "usage: bare_pingpong BYTES RING SECONDS (RING even; at least two ranks)\n");
    MPI_Finalize();
    return 3;
  }
  const int count = (int)bytes;
  const size_t lines = (bytes + line_bytes - 1) / line_bytes;
  const size_t stride = (lines > 0 ? lines : 1) * line_bytes;
  char* const outgoing = ring_memory(stride, ring / 2);
  char* const incoming = ring_memory(stride, ring / 2);
  const int peer = rank == 0 ? size - 1 : 0;
  const int talks = rank == 0 || rank == size - 1;

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
    for (long pass = 0; talks && pass < passes; ++pass) {
      for (size_t slot = 0; slot < ring; ++slot) {
        if ((rank == 0) == (slot % 2 == 0)) {
          MPI_Send(outgoing + slot / 2 * stride, count, MPI_BYTE, peer, 0, MPI_COMM_WORLD);
        } else {
          MPI_Recv(incoming + slot / 2 * stride, count, MPI_BYTE, peer, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        }
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
  free(outgoing);
  free(incoming);
  MPI_Finalize();
  return 0;
}
