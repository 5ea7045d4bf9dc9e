#include "cli/service_manager.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "countersign/base/log.hpp"

namespace countersign::cli {
namespace {

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::string_view{value} : std::string_view{};
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

ServiceManager::ServiceManager() : socket_(variable("NOTIFY_SOCKET")) {
    const bool addressed = socket_.starts_with('/') || socket_.starts_with('@');
    if (!addressed || socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
    auto micros = number(variable("WATCHDOG_USEC"));
    auto whose = variable("WATCHDOG_PID");
    bool ours = whose.empty() || number(whose) == std::int64_t{getpid()};
    if (socket_.empty() || !ours || !micros || *micros <= 0) return;
    patience_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds{*micros});
}

void ServiceManager::tell(std::string_view state) const {
    if (socket_.empty()) return;
    int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (from < 0) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, socket_.data(), socket_.size());
    if (socket_.front() == '@') to.sun_path[0] = '\0';
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    auto sent = sendto(from, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                       reinterpret_cast<const sockaddr*>(&to), length);
    if (sent < 0) log::debug("server", "the service manager could not be told {}", state);
    close(from);
}

}  // namespace countersign::cli
