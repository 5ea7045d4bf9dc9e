#include "countersign/server/files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "countersign/base/text.hpp"

namespace countersign::server {
namespace {

std::unexpected<Failure> cannot(std::string_view what, const std::string& path, int error) {
    return fail(Trouble::unavailable,
                fmt::format("cannot {} {}: {}", what, visible(path), std::generic_category().message(error)));
}

Result<Done> write_fresh(const std::string& fresh, std::string_view content) {
    ::unlink(fresh.c_str());
    int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return cannot("write", fresh, errno);
    while (!content.empty()) {
        ssize_t count = ::write(fd, content.data(), content.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            int error = errno;
            ::close(fd);
            return cannot("write", fresh, error);
        }
        content.remove_prefix(static_cast<std::size_t>(count));
    }
    bool kept = ::fsync(fd) == 0;
    int error = errno;
    ::close(fd);
    if (!kept) return cannot("write", fresh, error);
    return Done{};
}

}  // namespace

Result<Done> write_private_file(const std::string& path, std::string_view content) {
    std::string fresh = path + ".new";
    auto written = write_fresh(fresh, content);
    if (!written) return written;
    if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot("write", path, errno);
    return Done{};
}

Result<Done> create_private_file(const std::string& path, std::string_view content) {
    std::string fresh = fmt::format("{}.{}.new", path, ::getpid());
    auto written = write_fresh(fresh, content);
    if (!written) return written;
    bool linked = ::link(fresh.c_str(), path.c_str()) == 0;
    int error = errno;
    ::unlink(fresh.c_str());
    if (!linked) return cannot("write", path, error);
    return Done{};
}

Result<Done> make_private_folder(const std::string& path) {
    std::error_code error;
    std::filesystem::path parent = std::filesystem::path{path}.parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (error) return cannot("make", parent.string(), error.value());
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make", path, errno);
    return Done{};
}

}  // namespace countersign::server
