/* The peer of io/metadata: the same system calls on as many files and nothing else; contents are neither made for each
 * file nor compared.
 *
 *   mpiexec -n 2 bare_metadata FOLDER FILES BYTES own|shared SECONDS
 *
 * FOLDER exists; each rank makes FILES files of BYTES below it, in a folder of its own or in one for all, and afterwards
 * everything made is removed. Phases: create (open new, write, close), stat, read (open, read, close), remove; a barrier
 * before each; ranks stat and read what the next rank made. After one pass of warm-up, passes follow until SECONDS are
 * over. Prints four numbers: files of all ranks per second to create, stat, read and remove, each the median over passes
 * of the longest time over ranks. As in Assay at most 64 passes are kept: when there are more, neighbours are merged. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { phases = 4, most_samples = 64, name_bytes = 24, path_bytes = 4096 };

static void fail(const char* what) {
  fprintf(stderr, "bare_metadata: %s: %s\n", what, strerror(errno));
  MPI_Abort(MPI_COMM_WORLD, 4);
}

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return (x > y) - (x < y);
}

static char* names_of(int rank, long files, int own) {
  char* const names = malloc((size_t)files * name_bytes);
  if (names == NULL) fail("names");
  for (long i = 0; i < files; ++i) {
    if (own) {
      snprintf(names + i * name_bytes, name_bytes, "f%09ld", i);
    } else {
      snprintf(names + i * name_bytes, name_bytes, "r%06d-%09ld", rank % 1000000, i % 1000000000);
    }
  }
  return names;
}

static void create(int folder, const char* names, long files, const char* contents, size_t bytes) {
  for (long i = 0; i < files; ++i) {
    const int file = openat(folder, names + i * name_bytes, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) fail("create");
    if (bytes != 0 && write(file, contents, bytes) != (ssize_t)bytes) fail("write");
    if (close(file) != 0) fail("close");
  }
}

static void stat_all(int folder, const char* names, long files, size_t bytes) {
  for (long i = 0; i < files; ++i) {
    struct stat entry;
    if (fstatat(folder, names + i * name_bytes, &entry, 0) != 0 || entry.st_size != (off_t)bytes) fail("stat");
  }
}

static void read_all(int folder, const char* names, long files, char* buffer, size_t bytes) {
  for (long i = 0; i < files; ++i) {
    const int file = openat(folder, names + i * name_bytes, O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("open");
    if (read(file, buffer, bytes + 1) != (ssize_t)bytes) fail("read");
    close(file);
  }
}

static void remove_all(int folder, const char* names, long files) {
  for (long i = 0; i < files; ++i) {
    if (unlinkat(folder, names + i * name_bytes, 0) != 0) fail("remove");
  }
}

static int open_folder(const char* path) {
  const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail(path);
  return folder;
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const long files = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
  const long bytes = argc > 3 ? strtol(argv[3], NULL, 10) : -1;
  const int own = argc > 4 && strcmp(argv[4], "own") == 0;
  const double seconds = argc > 5 ? strtod(argv[5], NULL) : 0;
  if (files < 1 || bytes < 0 || !(own || (argc > 4 && strcmp(argv[4], "shared") == 0)) || !(seconds > 0)) {
    if (rank == 0) fprintf(stderr, "usage: bare_metadata FOLDER FILES BYTES own|shared SECONDS\n");
    MPI_Finalize();
    return 3;
  }
  const int next = (rank + 1) % ranks;
  char top[path_bytes];
  char mine[path_bytes + 32];
  char theirs[path_bytes + 32];
  long process = (long)getpid();
  MPI_Bcast(&process, 1, MPI_LONG, 0, MPI_COMM_WORLD);
  snprintf(top, sizeof top, "%s/bare-metadata-%ld", argv[1], process);
  snprintf(mine, sizeof mine, own ? "%s/rank-%d" : "%s", top, rank);
  snprintf(theirs, sizeof theirs, own ? "%s/rank-%d" : "%s", top, next);
  if (rank == 0 && mkdir(top, 0700) != 0) fail(top);
  MPI_Barrier(MPI_COMM_WORLD);
  if (own && mkdir(mine, 0700) != 0) fail(mine);
  MPI_Barrier(MPI_COMM_WORLD);
  const int own_folder = open_folder(mine);
  const int their_folder = open_folder(theirs);
  char* const own_names = names_of(rank, files, own);
  char* const their_names = names_of(next, files, own);
  char* const contents = malloc((size_t)bytes + 1);
  char* const buffer = malloc((size_t)bytes + 1);
  if (contents == NULL || buffer == NULL) fail("buffers");
  for (long i = 0; i <= bytes; ++i) contents[i] = (char)(i * 31 + rank);

  static double times[phases][most_samples];
  int samples = 0;
  int per_sample = 1;
  int pending = 0;
  double sums[phases] = {0};
  double begin = MPI_Wtime();
  int go_on = 1;
  for (long pass = 0; go_on; ++pass) {
    double own_times[phases];
    double longest[phases];
    for (int phase = 0; phase < phases; ++phase) {
      MPI_Barrier(MPI_COMM_WORLD);
      const double start = MPI_Wtime();
      if (phase == 0) create(own_folder, own_names, files, contents, (size_t)bytes);
      if (phase == 1) stat_all(their_folder, their_names, files, (size_t)bytes);
      if (phase == 2) read_all(their_folder, their_names, files, buffer, (size_t)bytes);
      if (phase == 3) remove_all(own_folder, own_names, files);
      own_times[phase] = MPI_Wtime() - start;
    }
    MPI_Allreduce(own_times, longest, phases, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    const double spent = MPI_Wtime() - begin;
    go_on = pass == 0 || spent * (double)(pass + 2) / (double)(pass + 1) <= seconds;
    MPI_Bcast(&go_on, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (pass == 0) continue;
    if (samples == most_samples) {
      for (int phase = 0; phase < phases; ++phase) {
        for (int i = 0; i < most_samples / 2; ++i)
          times[phase][i] = (times[phase][2 * i] + times[phase][2 * i + 1]) / 2;
      }
      samples /= 2;
      per_sample *= 2;
    }
    for (int phase = 0; phase < phases; ++phase) sums[phase] += longest[phase];
    if (++pending < per_sample) continue;
    for (int phase = 0; phase < phases; ++phase) {
      times[phase][samples] = sums[phase] / pending;
      sums[phase] = 0;
    }
    ++samples;
    pending = 0;
  }
  close(own_folder);
  close(their_folder);
  if (own && rmdir(mine) != 0) fail(mine);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) {
    if (rmdir(top) != 0) fail(top);
    for (int phase = 0; phase < phases; ++phase) {
      qsort(times[phase], (size_t)samples, sizeof times[phase][0], ascending);
      const double median = (times[phase][samples / 2] + times[phase][(samples - 1) / 2]) / 2;
      printf("%s%.6e", phase == 0 ? "" : " ", (double)files * ranks / median);
    }
    printf("\n");
  }
  free(own_names);
  free(their_names);
  free(contents);
  free(buffer);
  MPI_Finalize();
  return 0;
}
