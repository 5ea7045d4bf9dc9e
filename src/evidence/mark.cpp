#include "evidence/mark.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "countersign/base/text.hpp"
#include "countersign/tlog/note.hpp"

namespace countersign::evidence {
namespace {

class Handle {
  public:
    explicit Handle(int fd) : fd_(fd) {}
    ~Handle() {
        if (fd_ >= 0) ::close(fd_);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

std::unexpected<Failure> mark_trouble(const char* what, const std::string& path, int error) {
    return fail(Trouble::unavailable,
                fmt::format("log.mark: cannot {} {}: {}", what, visible(path),
                            std::generic_category().message(error)),
                "mark_unusable");
}

}  // namespace

Result<std::optional<std::string>> Mark::read() const {
    Handle file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.get() < 0 && errno == ENOENT) return std::nullopt;
    if (file.get() < 0) return mark_trouble("read", path_, errno);
    std::string content(tlog::note_bytes_max + 1, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
        ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return mark_trouble("read", path_, errno);
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    content.resize(size);
    return std::move(content);
}

Result<Done> Mark::write(std::string_view checkpoint) const {
    std::string fresh = fmt::format("{}.{}.new", path_, ::getpid());
    {
        Handle file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (file.get() < 0) return mark_trouble("write", fresh, errno);
        while (!checkpoint.empty()) {
            ssize_t count = ::write(file.get(), checkpoint.data(), checkpoint.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return mark_trouble("write", fresh, errno);
            checkpoint.remove_prefix(static_cast<std::size_t>(count));
        }
        if (::fsync(file.get()) != 0) return mark_trouble("write", fresh, errno);
    }
    if (::rename(fresh.c_str(), path_.c_str()) != 0) return mark_trouble("write", path_, errno);
    // The name is on disk once its folder is.
    auto parent = std::filesystem::path{path_}.parent_path().string();
    Handle folder{::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) return mark_trouble("write", path_, errno);
    return Done{};
}

}  // namespace countersign::evidence
