#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"

namespace countersign::config {
namespace {

constexpr mode_t loose_bits = 0027;  // written by the group, or anything by others

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    auto problem = [&](int error) {
        auto trouble = error == ENOENT ? Trouble::not_found : Trouble::invalid_input;
        return fail(trouble, fmt::format("{}: {}", visible(path), std::generic_category().message(error)));
    };
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return problem(errno);
    std::string content;
    std::array<char, 16 * 1024> piece{};
    while (true) {
        ssize_t count = ::read(fd, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            int error = errno;
            ::close(fd);
            if (count < 0) return problem(error);
            return content;
        }
        content.append(piece.data(), static_cast<std::size_t>(count));
        if (content.size() > bytes_max) {
            ::close(fd);
            return fail(Trouble::too_large,
                        fmt::format("{}: larger than {} bytes", visible(path), bytes_max));
        }
    }
}

bool loose(const std::string& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 && (found.st_mode & loose_bits) != 0;
}

}  // namespace countersign::config
