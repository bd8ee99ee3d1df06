#include "suites/io/support/workspace.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "suites/harness/launched_program.h"
#include "suites/io/support/storage_error.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class WorkspaceTest : public testing::Test {
 protected:
  Context context() { return {group_, 1, 0, 0, Fault::none, 1, {{"scratch", scratch_ / ""}}}; }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(scratch_ / ""))
      names.push_back(entry.path().filename());
    return names;
  }
  std::string failure(const Context& context, Workspace::Need need, const Workspace::Options& options = {}) {
    try {
      const Workspace workspace(context, "scratch", need, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::cannot_run);
      return error.what();
    }
    return {};
  }

  ScratchFolder scratch_;
  ProcessGroup group_;
};

TEST_F(WorkspaceTest, RemovesWhatItMadeAndTheFolder) {
  {
    Workspace workspace(context(), "scratch", {1000, 2});
    EXPECT_TRUE(workspace.shared());
    EXPECT_TRUE(workspace.folder().filename().string().starts_with("assay-"));
    workspace.create_file("a", O_WRONLY);
    workspace.make_folder("deep");
    workspace.make_folder("deep/er");
    workspace.create_file("deep/er/b", O_RDWR);
    std::ofstream(workspace.claim("deep/c")) << "c";
    workspace.claim("never made");
    EXPECT_EQ(left().size(), 1u);
    workspace.open_file("a", O_RDONLY);
    workspace.remove_files();
    EXPECT_THROW(workspace.open_file("a", O_RDONLY), Error);
  }
  EXPECT_THAT(left(), testing::IsEmpty());
}

TEST_F(WorkspaceTest, WhatIsNotOursStays) {
  std::filesystem::path folder;
  {
    Workspace workspace(context(), "scratch", {0, 1});
    folder = workspace.folder();
    std::ofstream(folder / "somebody's") << "precious";
    workspace.create_file("ours", O_WRONLY);
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "somebody's"));
  EXPECT_FALSE(std::filesystem::exists(folder / "ours"));
}

TEST_F(WorkspaceTest, IsRemovedWhileAnExceptionFlies) {
  try {
    Workspace workspace(context(), "scratch", {0, 1});
    workspace.create_file("a", O_WRONLY);
    throw std::runtime_error("a fault");
  } catch (const std::runtime_error&) {
  }
  EXPECT_THAT(left(), testing::IsEmpty());
}

TEST_F(WorkspaceTest, AFileInTheWayIsNotTouched) {
  Workspace workspace(context(), "scratch", {0, 1});
  std::ofstream(workspace.folder() / "a") << "in the way";
  try {
    workspace.create_file("a", O_WRONLY);
    FAIL() << "a file was replaced";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("in the way"));
    EXPECT_THAT(error.what(), HasSubstr((workspace.folder() / "a").string()));
  }
  workspace.clear();
  EXPECT_TRUE(std::filesystem::exists(workspace.folder() / "a"));
}

TEST_F(WorkspaceTest, SpaceIsCheckedFirst) {
  Workspace::Options options;
  options.free_bytes = 100'000'000;
  // 64,000,000 bytes, a sixty-fourth more and 16 MiB: 81,777,216. 84,000,000: 102,089,716.
  EXPECT_EQ(failure(context(), {64'000'000, 1}, options), "");
  EXPECT_THAT(failure(context(), {84'000'000, 1}, options),
              testing::AllOf(HasSubstr("100.0 MB"), HasSubstr("102.1 MB"), HasSubstr("free")));
  options.free_files = 20;
  EXPECT_EQ(failure(context(), {0, 4}, options), "");
  EXPECT_THAT(failure(context(), {0, 5}, options), HasSubstr("20 inodes are free here, 21 are needed"));
  EXPECT_THAT(left(), testing::IsEmpty());
}

TEST_F(WorkspaceTest, FoldersThatCannotServeAreNamed) {
  Context wrong = context();
  wrong.storage["scratch"] = scratch_ / "missing";
  EXPECT_THAT(failure(wrong, {}),
              testing::AllOf(HasSubstr("missing: cannot"), HasSubstr("create the folder")));
  std::ofstream(scratch_ / "file") << "no folder";
  wrong.storage["scratch"] = scratch_ / "file";
  EXPECT_THAT(failure(wrong, {}), HasSubstr("a file is in its place"));
  wrong.storage["scratch"] = "/proc/self";  // nobody can make a folder there
  EXPECT_THAT(failure(wrong, {}, {true, 1, 1 << 30, 1000}), HasSubstr("cannot make a folder"));
  wrong.storage.clear();
  EXPECT_THAT(storage_unsupported(wrong, "scratch"), HasSubstr("'scratch'"));
  EXPECT_EQ(storage_unsupported(context(), "scratch"), "");
}

TEST_F(WorkspaceTest, MemoryIsNoStorage) {
  Context memory = context();
  memory.storage["scratch"] = "/dev/shm";
  if (file_system_of("/dev/shm").type == "tmpfs") {
    const Workspace workspace(memory, "scratch", {0, 1});
    EXPECT_THAT(workspace.path().at("invalid"), HasSubstr("tmpfs keeps its files in memory"));
  }
  const Workspace workspace(context(), "scratch", {0, 1});
  EXPECT_EQ(workspace.path().contains("invalid"), !workspace.file_system().in_memory.empty());
  EXPECT_NE(workspace.path().at("file_system"), "");
}

/// A file system of 24 MiB of our own, where the kernel lets us mount one (a sandbox may not): tests also
/// hold without, by the limits given above.
TEST_F(WorkspaceTest, RealSmallAndReadOnlyFileSystems) {
  const std::string disk = scratch_ / "disk";
  mkdir(disk.c_str(), 0700);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=24m,nr_inodes=40") != 0) {
    EXPECT_TRUE(errno == EPERM || errno == EACCES || errno == ENODEV) << errno;
    return;
  }
  Context small = context();
  small.storage["scratch"] = disk;
  EXPECT_THAT(failure(small, {100 << 20, 1}), HasSubstr("are needed"));
  EXPECT_THAT(failure(small, {0, 100}), HasSubstr("inodes"));
  EXPECT_EQ(failure(small, {1 << 20, 1}), "");
  mount("none", disk.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr);
  EXPECT_THAT(failure(small, {0, 1}), HasSubstr("mounted read-only"));
  umount2(disk.c_str(), MNT_DETACH);
}

TEST(FileSystem, TheLongestMountPointAndTheLastMountHold) {
  const std::string mountinfo =
      "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
      "30 22 0:40 / /lustre rw master:2 shared:7 - lustre 10.0.0.1@o2ib:/scratch rw,flock\n"
      "31 22 0:41 / /lustre/fast rw - beegfs beegfs_nodev rw\n"
      "32 22 0:42 / /a\\040b rw - nfs4 server:/x\\040y rw\n"
      "33 22 0:43 / /data rw - xfs /dev/sdb rw\n"
      "34 33 0:44 / /data rw - overlay overlay rw,lowerdir=/l,upperdir=/dev/shm,workdir=/w\n"
      "35 22 0:45 cut short\n";
  EXPECT_EQ(mount_of(mountinfo, "/home/x").type, "ext4");
  EXPECT_EQ(mount_of(mountinfo, "/lustre/x").device, "10.0.0.1@o2ib:/scratch");
  EXPECT_EQ(mount_of(mountinfo, "/lustre/fast").type, "beegfs");
  EXPECT_EQ(mount_of(mountinfo, "/lustre/faster").type, "lustre");
  EXPECT_EQ(mount_of(mountinfo, "/a b/c").device, "server:/x y");
  EXPECT_EQ(mount_of(mountinfo, "/data/x").type, "overlay");
  EXPECT_EQ(mount_of("", "/data").type, "");
}

TEST(StorageError, SaysWhatToDoNext) {
  EXPECT_EQ(
      std::string(storage_error("write 8 bytes at offset 0", "/x/y", ENOSPC).what()),
      "/x/y: cannot write 8 bytes at offset 0: No space left on device; free some space, or ask for fewer "
      "bytes or ranks");
  for (const int number : {EDQUOT, EROFS, ENOENT, ENOTDIR, EEXIST, EACCES, EFBIG, EINVAL, EMFILE, EIO}) {
    EXPECT_THAT(storage_error("x", "/y", number).what(), HasSubstr("; "));
  }
}

}  // namespace
}  // namespace assay::bench
