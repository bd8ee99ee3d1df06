#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "suites/harness/agreement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/io/metadata/small_files.h"
#include "suites/io/support/open_file.h"
#include "suites/io/support/storage_error.h"
#include "suites/io/support/whose_files.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {
namespace {

/// With more files than this a pass takes so long that there is none to warm up.
constexpr std::int64_t most_files_of_a_warmup = 10000;
/// What a file takes at least on most file systems.
constexpr std::uint64_t block_bytes = 4096;

/// In a shared folder the rank is part of the name.
std::string prefix_of(int rank, bool own_folders) {
  if (own_folders) return "f";
  char text[16];
  std::snprintf(text, sizeof text, "r%06d-", rank);
  return text;
}

OpenFile open_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw storage_error("open the folder", folder, errno);
  return {descriptor, folder};
}

class Metadata final : public PassCase {
 public:
  Metadata(const Parameters& parameters, const Context& context)
      : context_(context),
        group_(context.group),
        storage_(text(parameters, "storage")),
        files_(integer(parameters, "files")),
        bytes_(static_cast<std::size_t>(integer(parameters, "bytes"))),
        own_folders_(text(parameters, "directories") == "own"),
        last_(group_.rank() == group_.size() - 1),
        silent_(context.fault == Fault::silent_rank && last_),
        contents_(context.seed, bytes_),
        buffer_(bytes_ + 1) {}

  ~Metadata() override { remove_leftovers(); }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = files_ <= most_files_of_a_warmup ? 1 : 0;
    limits.headline = "create";
    return limits;
  }

  void prepare() override {
    Workspace::Need need;
    need.bytes =
        static_cast<std::uint64_t>(files_) * ((bytes_ + block_bytes - 1) / block_bytes) * block_bytes;
    need.files = static_cast<std::uint64_t>(files_) + 1;
    Workspace::Options options;
    options.shared = false;  // the metadata of local disks can be measured on many nodes at once
    workspace_.emplace(context_, storage_, need, options);
    names_.emplace(files_, prefix_of(group_.rank(), own_folders_));
    whose_ = whose_files(nodes_of(group_), group_.rank(), workspace_->shared());
    find_sharers();
    their_names_.emplace(files_, prefix_of(whose_, own_folders_));
    agree_or_throw(group_, [&] {
      own_path_ = own_folders_ ? workspace_->make_folder(folder_name(group_.rank())) : workspace_->folder();
      own_folder_ = open_folder(own_path_);
    });
    agree_or_throw(group_, [&] {
      their_folder_ =
          open_folder(own_folders_ ? workspace_->folder() / folder_name(whose_) : workspace_->folder());
    });
  }

  void poison() override {
    std::fill(buffer_.begin(), buffer_.end(), std::byte{0xa5});
    stated_ = read_ = 0;
  }

  void pass(Recorder& recorder) override {
    const SmallFiles own{own_folder_.descriptor(), *names_, group_.rank(), recorder.pass()};
    const SmallFiles theirs{their_folder_.descriptor(), *their_names_, whose_, recorder.pass()};
    stated_ = read_ = 0;
    phase(recorder, "create", [&] {
      if (silent_) return SmallFilesResult{};
      SmallFilesResult result = create_files(own, contents_);
      made_ = result.made;
      return result;
    });
    spoil_a_file();
    count(files_ * sharers_, "before removal");
    stated_ = phase(recorder, "stat", [&] { return stat_files(theirs, bytes_); });
    read_ = phase(recorder, "read", [&] { return read_files(theirs, contents_, buffer_); });
    phase(recorder, "remove", [&] { return silent_ ? SmallFilesResult{} : remove_files(own); });
    made_ = 0;
    count(0, "after removal");
  }

  Check check() override {
    const std::int64_t wrong = group_.sum(wrong_);
    const std::int64_t examined = group_.sum(std::min(stated_, read_));
    const auto firsts = group_.gather(first_wrong_, 0);
    const std::int64_t expected = files_ * group_.size();
    Check check;
    check.error = static_cast<double>(wrong + (expected - examined));
    check.bound = 0;
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "entries counted before and after removal, size and each byte of " +
                std::to_string(expected) + " files in every pass";
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong";
    if (examined != expected)
      check.how += "; only " + std::to_string(examined) + " found right in the last pass";
    for (std::size_t rank = 0; rank < firsts.size(); ++rank) {
      if (firsts[rank].empty()) continue;
      check.how += ", first seen by rank " + std::to_string(rank) + ": " + firsts[rank];
      break;
    }
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const double operations = static_cast<double>(files_) * group_.size();
    std::vector<FigureOfMerit> all;
    for (const char* name : {"create", "stat", "read", "remove"}) {
      FigureOfMerit figure{name, operations, "file/s", Better::higher, Reduce::median, std::nullopt};
      figure.series = name;
      all.push_back(figure);
    }
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = workspace_->path();
    path["examined_by"] = all_from_another_node(nodes_of(group_), workspace_->shared())
                              ? "another node than the one that made the file"
                              : "the node that made the file: its cache may answer stat and read";
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"files", static_cast<double>(files_) * group_.size()}, {"reads_files_of_rank", double(whose_)}};
  }

  /// Wrong contents are planted into a file on disk, between making and examining it: see spoil_a_file.
  void plant(Fault) override {}

 private:
  static std::string folder_name(int rank) { return "rank-" + std::to_string(rank); }

  /// How many ranks have their files in this rank's folder, and whether it is this rank that counts them.
  void find_sharers() {
    sharers_ = 0;
    counts_ = true;
    for (int rank = 0; rank < group_.size(); ++rank) {
      const bool same = own_folders_
                            ? rank == group_.rank()
                            : workspace_->shared() || group_.node_of(rank) == group_.node_of(group_.rank());
      if (!same) continue;
      ++sharers_;
      if (rank < group_.rank()) counts_ = false;
    }
  }

  /// Times one phase and gathers what it found. Returns the number of files that it acted on.
  std::int64_t phase(Recorder& recorder, const char* name, const std::function<SmallFilesResult()>& act) {
    SmallFilesResult result;
    recorder.time(name, [&] { result = act(); });
    note(result.wrong, result.first_wrong);
    const std::string failure = agreed_failure(group_, [&] {
      if (result.refused == 0) return;
      throw storage_error(result.first_refused, own_path_, result.first_errno);
    });
    if (!failure.empty()) {
      remove_leftovers();
      workspace_->clear();
      throw AgreedError(failure);
    }
    return result.done;
  }

  void count(std::int64_t expected, const char* when) {
    agree_or_throw(group_, [&] {
      if (!counts_) return;
      const std::int64_t found = count_entries(own_path_);
      if (found == expected) return;
      note(std::max(found - expected, expected - found), "the folder has " + std::to_string(found) +
                                                             " entries " + when + " instead of " +
                                                             std::to_string(expected));
    });
  }

  void note(std::int64_t wrong, const std::string& what) {
    if (wrong != 0 && wrong_ == 0) first_wrong_ = what;
    wrong_ += wrong;
  }

  /// The planted faults: one byte changed, or a NaN in front; an empty file grows.
  void spoil_a_file() {
    const bool wrong_element = context_.fault == Fault::wrong_element;
    if (!last_ || !(wrong_element || context_.fault == Fault::nan)) return;
    const int file = openat(own_folder_.descriptor(), (*names_)[files_ / 2], O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    std::byte spoilt[sizeof(double)];
    std::fill(std::begin(spoilt), std::end(spoilt), std::byte{0xff});  // a NaN in any floating-point type
    std::size_t count = std::clamp<std::size_t>(bytes_, 1, sizeof spoilt);
    off_t place = 0;
    if (wrong_element && bytes_ > 0) {
      count = 1;
      place = static_cast<off_t>(bytes_ - 1);
      if (pread(file, spoilt, 1, place) == 1) spoilt[0] ^= std::byte{1};
    }
    // Where this does not succeed the fault is not found, and whoever planted it sees that.
    if (pwrite(file, spoilt, count, place) < 0) note(0, "");
    close(file);
  }

  /// Not collective: also when an exception flies.
  void remove_leftovers() noexcept {
    for (; made_ > 0; --made_) unlinkat(own_folder_.descriptor(), (*names_)[made_ - 1], 0);
  }

  Context context_;
  ProcessGroup& group_;
  std::string storage_;
  std::int64_t files_;
  std::size_t bytes_;
  bool own_folders_;
  bool last_;
  bool silent_;
  FileContents contents_;
  std::vector<std::byte> buffer_;
  std::optional<Workspace> workspace_;
  int whose_ = 0;
  std::int64_t sharers_ = 1;
  bool counts_ = true;
  std::optional<FileNames> names_, their_names_;
  std::filesystem::path own_path_;
  OpenFile own_folder_, their_folder_;
  std::int64_t made_ = 0;  ///< files of ours that may be there
  std::int64_t wrong_ = 0, stated_ = 0, read_ = 0;
  std::string first_wrong_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  return storage_unsupported(context, text(parameters, "storage"));
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Metadata>(parameters, context);
}

BenchmarkSpec describe_metadata() {
  BenchmarkSpec spec;
  spec.name = "io/metadata";
  spec.title = "Small files: create, stat, read, remove";
  spec.area = "io";
  spec.scope = Scope::group;
  spec.own_start = true;
  ParameterSpec files = integer_parameter("files", 1000, 1, 1e8, "files of each rank");
  ParameterSpec bytes = bytes_parameter("bytes", 3901, 0, static_cast<double>(std::int64_t{1} << 26),
                                        "size of each file; 3901 is that of IO500's mdtest-hard");
  ParameterSpec directories = choice_parameter("directories", {"own", "shared"},
                                               "each rank's files in a folder of their own, or all in one");
  spec.parameters = {storage_parameter(), files, bytes, directories};
  spec.foms = {
      {"create", "file/s", Better::higher, "files of all ranks made (open new, write, close) per second", {}},
      {"stat", "file/s", Better::higher, "files of all ranks examined with stat per second", {}},
      {"read", "file/s", Better::higher, "files of all ranks read (open, read, close) per second", {}},
      {"remove", "file/s", Better::higher, "files of all ranks removed per second", {}},
  };
  return spec;
}

}  // namespace

const Benchmark& io_metadata() {
  static const Benchmark benchmark{describe_metadata(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
