// For tests: a library of collectives with NCCL's interface, whose ranks are processes of one machine that
// share a file. Its streams are DeferredStreams, its devices' memory that of separate_memory_testing.h. Built
// as a shared object of its own.
//
// FAKE_NCCL_VERSION in the environment is the version that it tells, FAKE_NCCL_FAILS what goes wrong:
// unique_id, init, all_reduce or async (an error of another rank).
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/element.h"
#include "suites/device/gpu/separate_memory_testing.h"

namespace {

using assay::gpu::DeferredStream;
using assay::gpu::reached_by_device;

constexpr std::size_t room_bytes = std::size_t{16} << 20;  // for what one rank gives, or one message
constexpr int success = 0, system_error = 2, internal_error = 3, invalid_argument = 4, invalid_usage = 5,
              remote_error = 6;
constexpr std::size_t header_bytes = 4096;
constexpr int most_ranks = 16;

bool fails(const char* what) {
  const char* planted = std::getenv("FAKE_NCCL_FAILS");
  return planted != nullptr && std::strcmp(planted, what) == 0;
}

struct Header {
  std::atomic<int> arrived;
  std::atomic<int> generation;
  std::atomic<int> full[most_ranks * most_ranks];  ///< a message waits there
};
static_assert(sizeof(Header) <= header_bytes);

struct Communicator {
  int rank = 0, size = 1;
  std::byte* memory = nullptr;

  Header& header() const { return *reinterpret_cast<Header*>(memory); }
  std::byte* room(int number) const {
    return memory + header_bytes + room_bytes * static_cast<std::size_t>(number);
  }
  std::byte* given_by(int other) const { return room(other); }
  std::byte* message(int from, int to) const { return room(size + from * size + to); }
  std::size_t bytes() const {
    return header_bytes + room_bytes * static_cast<std::size_t>(size + size * size);
  }

  void barrier() const {
    Header& shared = header();
    const int generation = shared.generation.load();
    if (shared.arrived.fetch_add(1) + 1 == size) {
      shared.arrived = 0;
      ++shared.generation;
      return;
    }
    while (shared.generation.load() == generation) sched_yield();
  }

  /// All ranks' inputs are in their rooms while `work` runs.
  void together(const void* from, std::size_t count, const std::function<void()>& work) const {
    std::memcpy(given_by(rank), reached_by_device(from), count);
    barrier();
    work();
    barrier();
  }

  void send(const void* from, std::size_t count, int to) const {
    std::atomic<int>& full = header().full[rank * most_ranks + to];
    while (full.load() != 0) sched_yield();
    std::memcpy(message(rank, to), reached_by_device(from), count);
    full = 1;
  }
  void receive(void* to, std::size_t count, int from) const {
    std::atomic<int>& full = header().full[from * most_ranks + rank];
    while (full.load() == 0) sched_yield();
    std::memcpy(reached_by_device(to), message(from, rank), count);
    full = 0;
  }
};

struct Id {
  char bytes[128];
};

struct TypeFacts {
  std::size_t bytes;
  void (*add)(std::byte* sum, const std::byte* other, std::size_t count);
};

template <typename Number>
void add_all(std::byte* sum, const std::byte* other, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Number a, b;
    std::memcpy(&a, sum + i * sizeof a, sizeof a);
    std::memcpy(&b, other + i * sizeof b, sizeof b);
    if constexpr (std::is_same_v<Number, assay::device::Bf16>) {
      a = assay::device::to_bf16(assay::device::to_float(a) + assay::device::to_float(b));
    } else {
      a = static_cast<Number>(a + b);
    }
    std::memcpy(sum + i * sizeof a, &a, sizeof a);
  }
}

/// Of ncclDataType_t; no bytes: unknown here.
TypeFacts facts_of(int type) {
  switch (type) {
    case 1:
      return {1, nullptr};
    case 2:
      return {4, &add_all<std::int32_t>};
    case 7:
      return {4, &add_all<float>};
    case 8:
      return {8, &add_all<double>};
    case 9:
      return {2, &add_all<assay::device::Bf16>};
    default:
      return {0, nullptr};
  }
}

struct PairOperation {
  std::function<void()> work;
  bool sends = false;
};
int group_depth = 0;
std::vector<PairOperation> group;
DeferredStream* group_stream = nullptr;
int aborts = 0;

DeferredStream& stream_of(void* stream) {
  return *static_cast<DeferredStream*>(stream);
}
const Communicator& of(void* communicator) {
  return *static_cast<const Communicator*>(communicator);
}

/// The sum of all ranks' elements from `first` on.
void add_up(const Communicator& c, const TypeFacts& type, std::size_t first, std::size_t count, void* to) {
  auto* const sum = static_cast<std::byte*>(reached_by_device(to));
  std::memcpy(sum, c.given_by(0) + first * type.bytes, count * type.bytes);
  for (int other = 1; other < c.size; ++other) type.add(sum, c.given_by(other) + first * type.bytes, count);
}

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  const char* told = std::getenv("FAKE_NCCL_VERSION");
  *version = told != nullptr ? std::atoi(told) : 22809;
  return success;
}

int ncclGetUniqueId(Id* id) {
  if (fails("unique_id")) return system_error;
  static int made = 0;
  const char* folder = std::getenv("TMPDIR");
  std::snprintf(id->bytes, sizeof id->bytes, "%s/assay-fake-nccl-%d-%d", folder != nullptr ? folder : "/tmp",
                getpid(), ++made);
  const int file = open(id->bytes, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0) return system_error;
  close(file);
  return success;
}

int ncclCommInitRank(void** communicator, int size, Id id, int rank) {
  if (fails("init")) {
    unlink(id.bytes);
    return invalid_usage;
  }
  if (size > most_ranks) return invalid_argument;
  auto made = std::make_unique<Communicator>();
  made->rank = rank;
  made->size = size;
  const int file = open(id.bytes, O_RDWR);
  if (file < 0 || ftruncate(file, static_cast<off_t>(made->bytes())) != 0) return system_error;
  void* const memory = mmap(nullptr, made->bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return system_error;
  made->memory = static_cast<std::byte*>(memory);
  made->barrier();
  if (rank == 0) unlink(id.bytes);
  *communicator = made.release();
  return success;
}

int ncclCommDestroy(void* communicator) {
  munmap(of(communicator).memory, of(communicator).bytes());
  delete static_cast<Communicator*>(communicator);
  return success;
}
int ncclCommAbort(void* communicator) {
  ++aborts;
  return ncclCommDestroy(communicator);
}
/// Not of NCCL: how often a communicator was aborted.
int fake_nccl_aborts() {
  return aborts;
}
int ncclCommGetAsyncError(void*, int* error) {
  *error = fails("async") ? remote_error : success;
  return success;
}
const char* ncclGetErrorString(int status) {
  switch (status) {
    case system_error:
      return "unhandled system error";
    case internal_error:
      return "internal error";
    case invalid_usage:
      return "invalid usage";
    case remote_error:
      return "remote process exited or there was a network error";
    default:
      return "unknown";
  }
}
const char* ncclGetLastError(void*) {
  return fails("init") ? "Duplicate GPU detected" : "";
}

int ncclAllReduce(const void* from, void* to, std::size_t count, int type, int operation, void* communicator,
                  void* stream) {
  const TypeFacts facts = facts_of(type);
  if (fails("all_reduce")) return internal_error;
  if (operation != 0 || facts.add == nullptr || count * facts.bytes > room_bytes) return invalid_argument;
  stream_of(stream).begin([=, &c = of(communicator)] {
    c.together(from, count * facts.bytes, [&] { add_up(c, facts, 0, count, to); });
  });
  return success;
}

int ncclReduce(const void* from, void* to, std::size_t count, int type, int operation, int root,
               void* communicator, void* stream) {
  const TypeFacts facts = facts_of(type);
  if (operation != 0 || facts.add == nullptr || count * facts.bytes > room_bytes) return invalid_argument;
  stream_of(stream).begin([=, &c = of(communicator)] {
    c.together(from, count * facts.bytes, [&] {
      if (c.rank == root) add_up(c, facts, 0, count, to);
    });
  });
  return success;
}

int ncclReduceScatter(const void* from, void* to, std::size_t count, int type, int operation,
                      void* communicator, void* stream) {
  const TypeFacts facts = facts_of(type);
  const Communicator& c = of(communicator);
  const std::size_t all = count * static_cast<std::size_t>(c.size);
  if (operation != 0 || facts.add == nullptr || all * facts.bytes > room_bytes) return invalid_argument;
  stream_of(stream).begin([=, &c] {
    c.together(from, all * facts.bytes,
               [&] { add_up(c, facts, count * static_cast<std::size_t>(c.rank), count, to); });
  });
  return success;
}

int ncclAllGather(const void* from, void* to, std::size_t count, int type, void* communicator, void* stream) {
  const std::size_t bytes = count * facts_of(type).bytes;
  if (facts_of(type).bytes == 0 || bytes > room_bytes) return invalid_argument;
  stream_of(stream).begin([=, &c = of(communicator)] {
    c.together(from, bytes, [&] {
      auto* at = static_cast<std::byte*>(reached_by_device(to));
      for (int other = 0; other < c.size; ++other, at += bytes) std::memcpy(at, c.given_by(other), bytes);
    });
  });
  return success;
}

int ncclBroadcast(const void* from, void* to, std::size_t count, int type, int root, void* communicator,
                  void* stream) {
  const std::size_t bytes = count * facts_of(type).bytes;
  if (facts_of(type).bytes == 0 || bytes > room_bytes) return invalid_argument;
  stream_of(stream).begin([=, &c = of(communicator)] {
    c.together(from, c.rank == root ? bytes : 0,
               [&] { std::memcpy(reached_by_device(to), c.given_by(root), bytes); });
  });
  return success;
}

int ncclSend(const void* from, std::size_t count, int type, int to, void* communicator, void* stream) {
  const std::size_t bytes = count * facts_of(type).bytes;
  if (group_depth == 0 || bytes > room_bytes) return invalid_argument;
  group_stream = &stream_of(stream);
  group.push_back({[=, &c = of(communicator)] { c.send(from, bytes, to); }, true});
  return success;
}
int ncclRecv(void* to, std::size_t count, int type, int from, void* communicator, void* stream) {
  const std::size_t bytes = count * facts_of(type).bytes;
  if (group_depth == 0 || bytes > room_bytes) return invalid_argument;
  group_stream = &stream_of(stream);
  group.push_back({[=, &c = of(communicator)] { c.receive(to, bytes, from); }, false});
  return success;
}
int ncclGroupStart() {
  ++group_depth;
  return success;
}
int ncclGroupEnd() {
  if (--group_depth > 0 || group.empty()) return success;
  group_stream->begin([all = std::move(group)] {
    for (const bool sends : {true, false})
      for (const PairOperation& one : all)
        if (one.sends == sends) one.work();
  });
  group.clear();
  return success;
}
}
