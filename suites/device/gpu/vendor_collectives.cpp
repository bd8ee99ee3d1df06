#include "suites/device/gpu/vendor_collectives.h"

#include <dlfcn.h>
#include <sched.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>

#include "reports/base/error.h"
#include "suites/device/gpu/library_function.h"
#include "suites/device/host/environment.h"

namespace assay::gpu {

using device::CollectivesNeed;
using device::Element;
using device::Meeting;

namespace {

// Numbers and shapes of nccl.h, version 2.28; those that are used are the same since 2.2, and in RCCL's
// rccl.h.
using Communicator = void*;
struct UniqueId {
  std::array<char, 128> bytes;  // NCCL_UNIQUE_ID_BYTES
};
constexpr int success = 0, in_progress = 7;  // ncclResult_t
constexpr int sum = 0;                       // ncclRedOp_t
constexpr int byte_type = 1;                 // ncclUint8

/// ncclDataType_t.
int type_of(Element element) {
  switch (element) {
    case Element::int8:
      return 0;
    case Element::int32:
      return 2;
    case Element::f16:
      return 6;
    case Element::f32:
    case Element::tf32:
      return 7;
    case Element::f64:
      return 8;
    case Element::bf16:
      return 9;
    case Element::fp8_e4m3:
      return 10;
    case Element::fp8_e5m2:
      return 11;
  }
  return byte_type;
}

/// NCCL_VERSION: up to 2.8 a thousand for each major version, ten thousand since.
constexpr int version_code(int major, int minor) {
  return major <= 2 && minor <= 8 ? major * 1000 + minor * 100 : major * 10000 + minor * 100;
}

std::string version_text(int version) {
  const int thousands = version >= 10000 ? 10000 : 1000;
  return std::to_string(version / thousands) + "." + std::to_string(version % thousands / 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

struct CollectivesFunctions {
  int (*get_version)(int*) = nullptr;
  int (*get_unique_id)(UniqueId*) = nullptr;
  int (*init_rank)(Communicator*, int, UniqueId, int) = nullptr;
  int (*destroy)(Communicator) = nullptr;
  int (*abort)(Communicator) = nullptr;
  int (*get_async_error)(Communicator, int*) = nullptr;
  const char* (*error_string)(int) = nullptr;
  const char* (*last_error)(Communicator) = nullptr;  // since 2.13
  int (*all_reduce)(const void*, void*, std::size_t, int, int, Communicator, void*) = nullptr;
  int (*reduce)(const void*, void*, std::size_t, int, int, int, Communicator, void*) = nullptr;
  int (*reduce_scatter)(const void*, void*, std::size_t, int, int, Communicator, void*) = nullptr;
  int (*all_gather)(const void*, void*, std::size_t, int, Communicator, void*) = nullptr;
  int (*broadcast)(const void*, void*, std::size_t, int, int, Communicator, void*) = nullptr;
  int (*send)(const void*, std::size_t, int, int, Communicator, void*) = nullptr;  // since 2.7
  int (*receive)(void*, std::size_t, int, int, Communicator, void*) = nullptr;     // since 2.7
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
};

namespace {

/// The first name that is not there; empty: all are that every version has.
std::string find_all(void* library, CollectivesFunctions& f) {
  find_function(library, f.last_error, "ncclGetLastError");
  find_function(library, f.send, "ncclSend");
  find_function(library, f.receive, "ncclRecv");
  std::string absent;
  const auto need = [&](auto& function, const char* name) {
    find_function(library, function, name);
    if (function == nullptr && absent.empty()) absent = name;
  };
  need(f.get_version, "ncclGetVersion");
  need(f.get_unique_id, "ncclGetUniqueId");
  need(f.init_rank, "ncclCommInitRank");
  need(f.destroy, "ncclCommDestroy");
  need(f.abort, "ncclCommAbort");
  need(f.get_async_error, "ncclCommGetAsyncError");
  need(f.error_string, "ncclGetErrorString");
  need(f.all_reduce, "ncclAllReduce");
  need(f.reduce, "ncclReduce");
  need(f.reduce_scatter, "ncclReduceScatter");
  need(f.all_gather, "ncclAllGather");
  need(f.broadcast, "ncclBroadcast");
  need(f.group_start, "ncclGroupStart");
  need(f.group_end, "ncclGroupEnd");
  return absent;
}

std::string upper(const std::string& library) {
  return library == "rccl" ? "RCCL" : "NCCL";
}

}  // namespace

CollectivesLibrary open_collectives(const std::string& library, const std::vector<std::string>& files) {
  CollectivesLibrary opened;
  const std::string name = upper(library);
  void* handle = nullptr;
  for (const std::string& file : files)
    if (handle == nullptr) handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    opened.missing = name + " (" + files.front() +
                     ") cannot be opened; install it, or put its folder into "
                     "LD_LIBRARY_PATH";
    return opened;
  }
  auto functions = std::make_shared<CollectivesFunctions>();
  const std::string absent = find_all(handle, *functions);
  if (!absent.empty()) {
    opened.missing = files.front() + " has no " + absent + "; install " + name + " 2.4 or newer";
    return opened;
  }
  if (functions->get_version(&opened.version) != success) {
    opened.missing = name + " does not tell its version; install it anew";
    return opened;
  }
  opened.name = name + " " + version_text(opened.version);
  opened.functions = std::move(functions);
  return opened;
}

const CollectivesLibrary& collectives_library(const std::string& library) {
  static const CollectivesLibrary nccl =
      open_collectives("nccl", {"libnccl.so.2", "libnccl.so", "/usr/local/cuda/lib64/libnccl.so.2",
                                "/usr/local/cuda/lib/libnccl.so.2"});
  static const CollectivesLibrary rccl =
      open_collectives("rccl", {"librccl.so.1", "librccl.so", "/opt/rocm/lib/librccl.so.1"});
  return library == "rccl" ? rccl : nccl;
}

std::string collectives_lacks(const CollectivesLibrary& library, const CollectivesNeed& need) {
  if (!library.functions) return library.missing;
  const auto older = [&](int major, int minor) { return library.version < version_code(major, minor); };
  if (need.pairs && (library.functions->send == nullptr || library.functions->receive == nullptr))
    return library.name + " sends nothing between two ranks; install 2.7 or newer";
  if (need.element == Element::bf16 && older(2, 10))
    return library.name + " has no bf16; install 2.10 or newer, or choose f32";
  const bool fp8 = need.element == Element::fp8_e4m3 || need.element == Element::fp8_e5m2;
  if (fp8 && older(2, 24))
    return library.name + " has no " + std::string(device::name_of(need.element)) +
           "; install 2.24 or newer, or choose bf16";
  return {};
}

namespace {

class VendorCollectives final : public device::Collectives {
 public:
  VendorCollectives(const CollectivesLibrary& library, std::unique_ptr<CollectivesQueue> queue,
                    const Meeting& meeting)
      : functions_(library.functions),
        f_(*functions_),
        name_(library.name),
        queue_(std::move(queue)),
        rank_(meeting.rank),
        size_(meeting.size) {
    // What the first rank's library says travels with the identifier: else the others would wait for it.
    struct {
      UniqueId id;
      int status;
    } first{};
    if (rank_ == 0) first.status = f_.get_unique_id(&first.id);
    if (size_ > 1) meeting.broadcast_from_first(&first, sizeof first);
    if (first.status != success) throw_cannot_run("GetUniqueId", first.status);
    const int status = f_.init_rank(&communicator_, size_, first.id, rank_);
    if (status != success) throw_cannot_run("CommInitRank", status);
  }

  ~VendorCollectives() override {
    if (communicator_ != nullptr) f_.destroy(communicator_);
  }
  VendorCollectives(const VendorCollectives&) = delete;
  VendorCollectives& operator=(const VendorCollectives&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce(Element element, std::size_t count, const void* from, void* to) override {
    attempt("AllReduce",
            [&] { return f_.all_reduce(from, to, count, type_of(element), sum, communicator_, stream()); });
  }
  void reduce(Element element, std::size_t count, const void* from, void* to, int root) override {
    attempt("Reduce",
            [&] { return f_.reduce(from, to, count, type_of(element), sum, root, communicator_, stream()); });
  }
  void reduce_scatter(Element element, std::size_t count, const void* from, void* to) override {
    attempt("ReduceScatter", [&] {
      return f_.reduce_scatter(from, to, count, type_of(element), sum, communicator_, stream());
    });
  }
  void all_gather(Element element, std::size_t count, const void* from, void* to) override {
    attempt("AllGather",
            [&] { return f_.all_gather(from, to, count, type_of(element), communicator_, stream()); });
  }
  void broadcast(Element element, std::size_t count, void* values, int root) override {
    attempt("Broadcast", [&] {
      return f_.broadcast(values, values, count, type_of(element), root, communicator_, stream());
    });
  }

  void all_to_all(Element element, std::size_t count, const void* from, void* to) override {
    const std::size_t block = count * device::bytes_of(element);
    grouped([&] {
      for (int other = 0; other < size_; ++other) {
        const std::size_t at = block * static_cast<std::size_t>(other);
        send_and_receive(block, static_cast<const char*>(from) + at, other, static_cast<char*>(to) + at,
                         other);
      }
    });
  }
  void exchange(std::size_t bytes, const void* sent, int to_rank, void* received, int from_rank) override {
    if (to_rank < 0 && from_rank < 0) return;
    grouped([&] { send_and_receive(bytes, sent, to_rank, received, from_rank); });
  }

  void after_device() override { queue_->after_device(); }
  void before_device() override { queue_->before_device(); }
  void begin_timing() override { queue_->begin_timing(); }
  void end_timing() override { queue_->end_timing(); }
  std::optional<double> timed_s() override { return queue_->timed_s(); }

  /// Looks again and again instead of waiting in the driver, which would wait for ever for a rank that is
  /// gone.
  void finish() override {
    refuse_after_failure();
    for (int looks = 0; !queue_->done(); ++looks) {
      int state = success;
      const int status = f_.get_async_error(communicator_, &state);
      if (status != success) fail("CommGetAsyncError", status);
      if (state != success && state != in_progress) fail("a call that had begun", state);
      if (looks > looks_before_yielding) sched_yield();
    }
  }

  std::map<std::string, std::string> describe() const override {
    std::map<std::string, std::string> words = {{"library", name_}};
    const auto variables = device::environment_with({"NCCL_", "RCCL_"});
    if (!variables.empty()) words["library_environment"] = device::to_string(variables);
    std::error_code ignored;
    if (std::filesystem::exists(configuration, ignored)) words["library_configuration"] = configuration;
    return words;
  }

 private:
  static constexpr int looks_before_yielding = 10000;
  static constexpr const char* configuration = "/etc/nccl.conf";  // the same variables, for all programs

  void* stream() { return queue_->stream(); }

  /// "NCCL 2.28.9 refused AllReduce: invalid usage (Duplicate GPU detected)".
  std::string words(const char* call, int status) const {
    std::string text = name_ + " refused " + call + ": " + f_.error_string(status);
    const char* more = f_.last_error != nullptr ? f_.last_error(communicator_) : nullptr;
    if (more != nullptr && *more != '\0') text += std::string(" (") + more + ")";
    return text;
  }

  [[noreturn]] void throw_cannot_run(const char* call, int status) const {
    throw Error(ExitStatus::cannot_run, words(call, status),
                "start it with NCCL_DEBUG=WARN in the environment to see why");
  }

  /// Ends what this rank has begun, so that neither it nor the device waits for the others.
  [[noreturn]] void fail(const char* call, int status) {
    failed_ = words(call, status) +
              "; the communicator is aborted. See the other ranks' output, and start it with NCCL_DEBUG=WARN "
              "in the environment";
    if (communicator_ != nullptr) f_.abort(std::exchange(communicator_, nullptr));
    throw std::runtime_error(failed_);
  }

  void refuse_after_failure() const {
    if (!failed_.empty()) throw std::runtime_error(failed_);
  }

  template <typename Call>
  void attempt(const char* name, Call call) {
    refuse_after_failure();
    const int status = call();
    if (status != success && status != in_progress) fail(name, status);
  }

  template <typename Work>
  void grouped(Work work) {
    attempt("GroupStart", [&] { return f_.group_start(); });
    work();
    attempt("GroupEnd", [&] { return f_.group_end(); });
  }

  /// Within a group; -1: neither.
  void send_and_receive(std::size_t bytes, const void* sent, int to, void* received, int from) {
    if (to >= 0)
      attempt("Send", [&] { return f_.send(sent, bytes, byte_type, to, communicator_, stream()); });
    if (from >= 0)
      attempt("Recv", [&] { return f_.receive(received, bytes, byte_type, from, communicator_, stream()); });
  }

  std::shared_ptr<const CollectivesFunctions> functions_;
  const CollectivesFunctions& f_;
  std::string name_;
  std::unique_ptr<CollectivesQueue> queue_;
  int rank_, size_;
  Communicator communicator_ = nullptr;
  std::string failed_;
};

}  // namespace

std::unique_ptr<device::Collectives> vendor_collectives(const CollectivesLibrary& library,
                                                        std::unique_ptr<CollectivesQueue> queue,
                                                        const Meeting& meeting) {
  if (!library.functions) throw Error(ExitStatus::cannot_run, library.missing);
  return std::make_unique<VendorCollectives>(library, std::move(queue), meeting);
}

}  // namespace assay::gpu
