#include "cli/logins.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "cli/console.hpp"
#include "cli/home.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/descriptor.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t login_bytes_max = 8'192;
constexpr std::size_t named_chars_max = 60;

std::string logins_folder() {
    return home_folder() + "/logins";
}

// "https-approvals.example.com-3f2a9c1d": what people recognise, and what makes it the only one.
std::string file_of(const std::string& url) {
    std::string name;
    for (char c : url.substr(0, named_chars_max)) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
        if (plain || (!name.empty() && name.back() != '-')) name += plain ? c : '-';
    }
    return fmt::format("{}/{}-{}.json", logins_folder(), name, sha256_hex(url).substr(0, 8));
}

std::string newest_file() {
    return logins_folder() + "/newest";
}

std::unexpected<Failure> cannot_write(const std::string& path) {
    return fail(Trouble::invalid_input,
                fmt::format("cannot write {}: {}", visible(path), std::generic_category().message(errno)));
}

// Nobody else may read it, from its first byte on; it takes the place of what was there.
Result<Done> write_private(const std::string& path, std::string_view text) {
    const auto fresh = path + ".new";
    ::unlink(fresh.c_str());
    Descriptor file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file.open()) return cannot_write(fresh);
    while (!text.empty()) {
        const auto count = ::write(file.number(), text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return cannot_write(fresh);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    file.close();
    if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot_write(path);
    return Done{};
}

}  // namespace

std::optional<Login> login_at(const std::string& url) {
    const auto path = file_of(url);
    auto text = config::read_file(path, login_bytes_max);
    if (!text) return std::nullopt;
    if (config::loose(path)) {
        complain(fmt::format(
            "{} can be read or changed by others, so it is not used; run `countersign login` again",
            visible(path)));
        return std::nullopt;
    }
    auto value = wire::parse_json(*text, {.bytes_max = login_bytes_max, .nesting_max = 2, .strict = true});
    auto expires = value ? core::parse_rfc3339((*value)["expires_at"].text()) : std::nullopt;
    if (!expires || (*value)["url"].text() != url || (*value)["token"].text().empty()) return std::nullopt;
    return Login{url, Secret{std::string((*value)["token"].text())}, std::string((*value)["person"].text()),
                 *expires};
}

std::string newest_login() {
    auto text = config::read_file(newest_file(), login_bytes_max);
    if (!text || config::loose(newest_file())) return {};
    return std::string(trim(*text));
}

Result<Done> keep_login(const Login& login) {
    std::error_code ignored;  // what cannot be made cannot be written to either
    std::filesystem::create_directories(home_folder(), ignored);
    ::mkdir(logins_folder().c_str(), 0700);
    auto kept =
        write_private(file_of(login.url),
                      core::canonical(core::Value::object({{"expires_at", core::rfc3339(login.expires_at)},
                                                           {"person", login.person},
                                                           {"token", login.token.reveal()},
                                                           {"url", login.url}})) +
                          "\n");
    if (!kept) return pass(kept);
    return write_private(newest_file(), login.url + "\n");
}

Result<Done> forget_login(const std::string& url) {
    std::error_code error;
    std::filesystem::remove(file_of(url), error);
    if (error)
        return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(file_of(url)), error.message()));
    if (newest_login() == url) std::filesystem::remove(newest_file(), error);
    return Done{};
}

}  // namespace countersign::cli
