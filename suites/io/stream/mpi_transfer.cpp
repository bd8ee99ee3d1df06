// MPI-IO: collective calls, a block of every rank at a time.
#include <mpi.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "suites/io/stream/transfer.h"

namespace assay::bench {

namespace {

class MpiTransfer final : public Transfer {
 public:
  MpiTransfer(const ProcessGroup& group, const TransferSettings& settings)
      : communicator_(settings.one_file ? group.communicator() : MPI_COMM_SELF),
        rank_(group.rank()),
        one_file_(settings.one_file),
        buffer_(settings.block_bytes, std::byte{0xA5}) {}

  ~MpiTransfer() override { abandon(); }
  MpiTransfer(const MpiTransfer&) = delete;
  MpiTransfer& operator=(const MpiTransfer&) = delete;

  void create(Workspace& workspace, const std::string& name, std::uint64_t) override {
    const bool makes = !one_file_ || rank_ == 0;
    path_ = makes ? workspace.claim(name) : workspace.folder() / name;
    open_as(MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_RDWR, "make a file");
  }

  void open(const Workspace& workspace, const std::string& name) override {
    path_ = workspace.folder() / name;
    open_as(MPI_MODE_RDONLY, "open the file");
  }

  std::int64_t write(const TransferJob& job) override {
    return run(job, "write", [&](std::int64_t block, MPI_Status* status) {
      job.fill(block, buffer_.data());
      return MPI_File_write_at_all(file_, static_cast<MPI_Offset>(job.offset(block)), buffer_.data(), count(),
                                   MPI_BYTE, status);
    });
  }

  void read(const TransferJob& job) override {
    run(job, "read", [&](std::int64_t block, MPI_Status* status) {
      const int code = MPI_File_read_at_all(file_, static_cast<MPI_Offset>(job.offset(block)), buffer_.data(),
                                            count(), MPI_BYTE, status);
      if (code == MPI_SUCCESS) job.examine(block, buffer_.data());
      return code;
    });
  }

  void sync() override { must(MPI_File_sync(file_), "write the file through to the storage"); }
  void close() override { must(MPI_File_close(&file_), "close the file"); }
  void abandon() noexcept override {
    // Closing is collective: after a failure on one rank alone the file is left to the end of the process.
    if (file_ != MPI_FILE_NULL && !one_file_) MPI_File_close(&file_);
    file_ = MPI_FILE_NULL;
  }

  int buffers() const override { return 1; }
  std::byte* buffer(int) const override { return buffer_.data(); }
  std::int64_t block_in(int) const override { return block_; }
  std::string description() const override {
    return std::string(one_file_ ? "MPI-IO, collective" : "MPI-IO, each rank alone on its file") +
           ", one block a rank at a time";
  }
  std::string preallocated() const override { return "no: MPI-IO writes what it preallocates"; }

 private:
  int count() const { return static_cast<int>(buffer_.size()); }

  Error failure(const std::string& action, int code) const {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    std::replace(text, text + length, '\n', ' ');
    return {ExitStatus::cannot_run, "MPI-IO cannot " + action + ": " + text,
            "try engine=posix, which says more of the reason", Location{path_.string()}};
  }

  void must(int code, const char* action) const {
    if (code != MPI_SUCCESS) throw failure(action, code);
  }

  void open_as(int mode, const char* action) {
    must(MPI_File_open(communicator_, path_.c_str(), mode, MPI_INFO_NULL, &file_), action);
    MPI_File_set_errhandler(file_, MPI_ERRORS_RETURN);
  }

  /// Collective calls go on after a failure: the other ranks are in them.
  template <typename Step>
  std::int64_t run(const TransferJob& job, const char* what, const Step& step) {
    std::string problem;
    std::int64_t done = 0;
    while (done < job.count) {
      if (job.go_on && !job.go_on()) break;
      const std::int64_t block = job.first + done;
      MPI_Status status;
      const int code = step(block, &status);
      int moved = 0;
      if (code == MPI_SUCCESS) MPI_Get_count(&status, MPI_BYTE, &moved);
      const std::string action =
          what + (" " + std::to_string(count())) + " bytes at offset " + std::to_string(job.offset(block));
      if (problem.empty() && code != MPI_SUCCESS) problem = failure(action, code).what();
      if (problem.empty() && moved != count()) {
        problem =
            path_.string() + ": MPI-IO moved " + std::to_string(moved) + " bytes when asked to " + action;
      }
      block_ = block;
      ++done;
    }
    if (!problem.empty()) throw Error(ExitStatus::cannot_run, problem);
    return done;
  }

  MPI_Comm communicator_;
  int rank_;
  bool one_file_;
  mutable std::vector<std::byte> buffer_;
  std::int64_t block_ = -1;
  std::filesystem::path path_;
  MPI_File file_ = MPI_FILE_NULL;
};

}  // namespace

std::unique_ptr<Transfer> make_mpi_transfer(const ProcessGroup& group, const TransferSettings& settings) {
  return std::make_unique<MpiTransfer>(group, settings);
}

}  // namespace assay::bench
