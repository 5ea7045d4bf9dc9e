#include "cli/pins.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "countersign/adapters/config.hpp"
#include "countersign/base/descriptor.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {

Result<agents::ToolPins> read_pins(const std::string& path) {
    agents::ToolPins pins;
    auto text = config::read_file(path, pins_bytes_max);
    if (!text && text.error().trouble == Trouble::not_found) return pins;
    if (!text) return pass(text);
    auto value = wire::parse_json(*text, {.bytes_max = pins_bytes_max});
    auto wrong = [&](std::string_view what) {
        return fail(
            Trouble::invalid_input,
            fmt::format("{}: {}; look at it, and remove it to accept the server's tools as they are now",
                        visible(path), what));
    };
    if (!value || value->members() == nullptr) return wrong("it is no JSON object");
    for (const auto& [tool, digest] : *value->members()) {
        if (digest.text().size() != 64) return wrong("a digest in it is none");
        pins.emplace(tool, digest.text());
    }
    return pins;
}

Result<Done> write_pins(const std::string& path, const agents::ToolPins& pins) {
    core::Value value = core::Value::object();
    for (const auto& [tool, digest] : pins) value.set(tool, digest);
    std::error_code ec;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ec);
    auto text = core::canonical(value) + "\n";
    auto beside = fmt::format("{}.{}", path, ::getpid());
    constexpr mode_t owner_alone = 0600;
    Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, owner_alone)};
    bool written =
        file.open() && ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || ::rename(beside.c_str(), path.c_str()) != 0)
        return fail(Trouble::unavailable,
                    fmt::format("{} cannot be written: {}", visible(path), std::strerror(errno)));
    return Done{};
}

}  // namespace countersign::cli
