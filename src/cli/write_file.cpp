#include "cli/write_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "countersign/base/text.hpp"

namespace countersign::cli {

Result<Done> write_file(const std::string& path, std::string_view bytes) {
    auto problem = [&] {
        return fail(Trouble::invalid_input,
                    fmt::format("{}: {}", visible(path), std::generic_category().message(errno)));
    };
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return problem();
    while (!bytes.empty()) {
        auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            auto failure = problem();
            ::close(fd);
            return failure;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::close(fd) != 0) return problem();
    return Done{};
}

}  // namespace countersign::cli
