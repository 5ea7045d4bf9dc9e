#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "cli/console.hpp"
#include "cli/server.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t key_bytes_max = 16 * 1024;
constexpr std::size_t server_key_bytes = 32;

std::unexpected<Failure> cannot(std::string_view what, const std::string& path, int error) {
    return fail(Trouble::unavailable,
                fmt::format("cannot {} {}: {}", what, visible(path), std::generic_category().message(error)));
}

}  // namespace

std::string local_url(const std::string& listen, std::uint16_t port, bool tls) {
    std::size_t colon = listen.rfind(':');
    std::string host = listen.substr(0, colon);
    if (host.empty() || host == "0.0.0.0" || host == "[::]" || host == "::") host = "127.0.0.1";
    return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

Result<Done> write_private_file(const std::string& path, std::string_view content) {
    std::string fresh = path + ".new";
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
    if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot("write", path, errno);
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

namespace {

Result<Done> write_key(const std::string& path, const Secret& text) {
    auto made = make_private_folder(std::filesystem::path{path}.parent_path().string());
    if (!made) return pass(made);
    return write_private_file(path, text.reveal());
}

Result<SigningKey> load_or_make_signing_key(const std::string& path, rt::Entropy& entropy) {
    auto pem = config::read_file(path, key_bytes_max);
    if (pem) {
        auto key = SigningKey::from_pem(*pem);
        if (!key)
            return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), key.error().detail));
        return key;
    }
    if (pem.error().trouble != Trouble::not_found) return pass(pem);
    std::array<std::byte, 32> seed{};
    entropy.fill(seed);
    SigningKey key = SigningKey::from_seed(seed);
    auto written = write_key(path, key.to_pem());
    if (!written) return pass(written);
    return key;
}

// Base64 of 32 random bytes, as `openssl rand -base64 32` writes it.
Result<Secret> load_or_make_server_key(const std::string& path, rt::Entropy& entropy) {
    auto text = config::read_file(path, key_bytes_max);
    if (text) {
        auto bytes = unbase64(trim(*text));
        if (!bytes || bytes->size() != server_key_bytes)
            return fail(Trouble::invalid_input,
                        fmt::format("{}: not a server key; `openssl rand -base64 {}` writes one",
                                    visible(path), server_key_bytes));
        return Secret{std::move(*bytes)};
    }
    if (text.error().trouble != Trouble::not_found) return pass(text);
    std::array<std::byte, server_key_bytes> bytes{};
    entropy.fill(bytes);
    Secret key{std::string(as_text(bytes))};
    auto written = write_key(path, Secret{base64(key.reveal()) + "\n"});
    if (!written) return pass(written);
    return key;
}

}  // namespace

Result<Keys> load_or_make_keys(const config::Settings& settings, const std::string& home,
                               rt::Entropy& entropy) {
    auto path = [&](const std::string& named, std::string_view otherwise) {
        return named.empty() ? fmt::format("{}/keys/{}", home, otherwise) : named;
    };
    auto signing = load_or_make_signing_key(path(settings.signing_key, "signing.pem"), entropy);
    if (!signing) return pass(signing);
    auto server = load_or_make_server_key(path(settings.server_key, "server.key"), entropy);
    if (!server) return pass(server);
    return Keys{std::move(*signing), std::move(*server)};
}

Result<std::shared_ptr<const core::Policy>> load_policy_aloud(const std::string& path, bool warnings) {
    std::vector<PolicyFinding> findings;
    const auto linting = warnings ? PolicyLint::run : PolicyLint::skip;
    auto loaded = load_policy(path, findings, system_zones(), linting);
    for (const auto& finding : findings) {
        if (finding.severity != PolicyFinding::Severity::accepted) note(finding.text());
    }
    return loaded;
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace countersign::cli
