#include "suites/io/checkpoint/background.h"

#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "reports/base/error.h"

namespace assay::bench {

Background::Background(const std::function<void()>& first) {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw Error(ExitStatus::cannot_run, std::string("no thread to write beside training: ") + error.what(),
                "see the limit on processes (ulimit -u)");
  }
  std::exception_ptr failure;
  start([&] {
    try {
      first();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  wait();
  if (!failure) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
  std::rethrow_exception(failure);
}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Background::start(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
    done_ = false;
  }
  changed_.notify_all();
}

void Background::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_.load(); });
}

void Background::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ended_ || job_; });
    if (!job_) return;
    const std::function<void()> job = std::exchange(job_, nullptr);
    lock.unlock();
    job();
    lock.lock();
    done_ = true;
    changed_.notify_all();
  }
}

}  // namespace assay::bench
