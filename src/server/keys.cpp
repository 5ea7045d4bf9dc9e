#include "countersign/server/keys.hpp"

#include <fmt/core.h>

#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/server/files.hpp"

namespace countersign::server {
namespace {

constexpr std::size_t key_bytes_max = 16 * 1024;
constexpr std::size_t server_key_bytes = 32;

std::string place_of(const config::Settings& settings, const std::string& home, std::string_view name) {
    if (name == "server" && !settings.server_key.empty()) return settings.server_key;
    if (name == "grant" && !settings.signing_key.empty()) return settings.signing_key;
    std::string folder = settings.keys.empty() ? home + "/keys" : settings.keys;
    return fmt::format("{}/{}.{}", folder, name, name == "server" ? "key" : "pem");
}

// nullopt: there is none.
Result<std::optional<std::string>> read_key_file(const std::string& path) {
    auto text = config::read_file(path, key_bytes_max);
    if (!text && text.error().trouble == Trouble::not_found) return std::nullopt;
    if (!text) return pass(text);
    if (config::loose(path))
        return fail(Trouble::invalid_input,
                    fmt::format("{}: others than its owner may read or change this key; run `chmod 600 {}`",
                                visible(path), visible(path)));
    return std::move(*text);
}

Result<SigningKey> signing_key_of(const std::string& path, const std::string& pem) {
    auto key = SigningKey::from_pem(pem);
    if (!key) return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), key.error().detail));
    return key;
}

// Base64 of 32 random bytes, as `openssl rand -base64 32` writes it.
Result<Secret> server_key_of(const std::string& path, const std::string& text) {
    auto bytes = unbase64(trim(text));
    if (!bytes || bytes->size() != server_key_bytes)
        return fail(
            Trouble::invalid_input,
            fmt::format("{}: not a server key, which is {} random bytes in base64: move this file away "
                        "and let `countersign keys create` make one",
                        visible(path), server_key_bytes));
    return Secret{std::move(*bytes)};
}

std::unexpected<Failure> no_key(std::string_view name, const std::string& path) {
    return fail(
        Trouble::invalid_input,
        fmt::format("there is no {} key at {}: `countersign keys create` makes the keys that are missing; "
                    "all replicas need the same ones",
                    name, visible(path)));
}

// A fresh key as its file holds it.
Secret fresh_key(std::string_view name, rt::Entropy& entropy) {
    std::array<std::byte, 32> chance{};
    entropy.fill(chance);
    if (name != "server") return SigningKey::from_seed(chance).to_pem();
    return Secret{base64(as_text(chance)) + "\n"};
}

Result<Done> check_key(std::string_view name, const std::string& path, const std::string& text) {
    if (name == "server") {
        auto key = server_key_of(path, text);
        if (!key) return pass(key);
        return Done{};
    }
    auto key = signing_key_of(path, text);
    if (!key) return pass(key);
    return Done{};
}

}  // namespace

Result<Keys> load_keys(const config::Settings& settings, const std::string& home) {
    auto server_path = place_of(settings, home, "server");
    auto server_text = read_key_file(server_path);
    if (!server_text) return pass(server_text);
    if (!*server_text) return no_key("server", server_path);
    auto server = server_key_of(server_path, **server_text);
    if (!server) return pass(server);
    auto grant_path = place_of(settings, home, "grant");
    auto grant_text = read_key_file(grant_path);
    if (!grant_text) return pass(grant_text);
    if (!*grant_text) return no_key("grant", grant_path);
    auto grant = signing_key_of(grant_path, **grant_text);
    if (!grant) return pass(grant);
    return Keys{std::move(*grant), std::move(*server)};
}

std::vector<std::string> loose_secrets(const config::Settings& settings) {
    auto files = settings.secret_files;
    if (!settings.tls_key.empty()) files.push_back(settings.tls_key);
    std::vector<std::string> sentences;
    for (const std::string& path : files)
        if (config::loose(path))
            sentences.push_back(
                fmt::format("{}: others than its owner may read or change this secret; run `chmod 600 {}`",
                            visible(path), visible(path)));
    return sentences;
}

Result<std::vector<KeyFile>> create_keys(const config::Settings& settings, const std::string& home,
                                         rt::Entropy& entropy) {
    std::vector<KeyFile> files;
    for (const char* name : {"server", "grant", "decision", "log"}) {
        KeyFile file{.name = name, .path = place_of(settings, home, name)};
        auto text = read_key_file(file.path);
        if (!text) return pass(text);
        if (*text) {
            auto fine = check_key(name, file.path, **text);
            if (!fine) return pass(fine);
        } else {
            auto parent = std::filesystem::path{file.path}.parent_path().string();
            auto folder = parent.empty() ? Result<Done>{Done{}} : make_private_folder(parent);
            if (!folder) return pass(folder);
            auto written = create_private_file(file.path, fresh_key(name, entropy).reveal());
            if (!written) return pass(written);
            file.made = true;
        }
        files.push_back(std::move(file));
    }
    return files;
}

}  // namespace countersign::server
