#include "countersign/server/keys.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "countersign/base/text.hpp"
#include "countersign/server/files.hpp"
#include "server/signing_command.hpp"

namespace countersign::server {
namespace {

constexpr std::size_t key_bytes_max = 16 * 1024;
constexpr std::size_t server_key_bytes = 32;

std::string keys_folder(const config::Settings& settings, const std::string& home) {
    return settings.keys.empty() ? home + "/keys" : settings.keys;
}

// Beside the keys, where nothing else is configured: it is shared by whoever shares them.
std::string mark_path(const config::Settings& settings, const std::string& home) {
    return settings.published_log.mark.empty() ? keys_folder(settings, home) + "/log.mark"
                                               : settings.published_log.mark;
}

std::string place_of(const config::Settings& settings, const std::string& home, std::string_view name) {
    if (name == "server" && !settings.server_key.empty()) return settings.server_key;
    if (name == "grant" && !settings.signing_key.empty()) return settings.signing_key;
    return fmt::format("{}/{}.{}", keys_folder(settings, home), name, name == "server" ? "key" : "pem");
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

// What consumers of grants and readers of the log are told to expect; statements may have either.
bool may_have(std::string_view name, PublicKey::Type type) {
    return name == "decision" || type == PublicKey::Type::ed25519;
}

Result<std::unique_ptr<const Signer>> signer_of(std::string_view name, const std::string& path,
                                                const std::string& pem) {
    auto key = signer_from_pem(pem);
    if (!key) return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), key.error().detail));
    auto type = (*key)->public_key().type;
    if (!may_have(name, type))
        return fail(Trouble::invalid_input,
                    fmt::format("{}: a {} key, but the {} key must be an Ed25519 one; `openssl genpkey "
                                "-algorithm ed25519` writes one",
                                visible(path), name_of(type), name));
    return key;
}

bool held_by_command(const config::Settings& settings, std::string_view name) {
    return !settings.signing_command.empty() &&
           std::ranges::find(settings.signing_command_keys, name) != settings.signing_command_keys.end();
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
    auto key = signer_of(name, path, text);
    if (!key) return pass(key);
    return Done{};
}

Result<std::unique_ptr<const Signer>> signer_elsewhere(const config::Settings& settings,
                                                       std::string_view name) {
    auto key = signer_by_command(settings.signing_command, std::string(name));
    if (!key || may_have(name, (*key)->public_key().type)) return key;
    return fail(Trouble::invalid_input,
                fmt::format("signing_command: its {} key is a {} one and must be Ed25519; leave {} out of "
                            "signing_command_keys and keep it in a file",
                            name, name_of((*key)->public_key().type), name));
}

Result<std::unique_ptr<const Signer>> load_signer(const config::Settings& settings, const std::string& home,
                                                  std::string_view name) {
    if (held_by_command(settings, name)) return signer_elsewhere(settings, name);
    auto path = place_of(settings, home, name);
    auto text = read_key_file(path);
    if (!text) return pass(text);
    if (!*text) return no_key(name, path);
    return signer_of(name, path, **text);
}

bool is_moment(std::string_view text) {
    constexpr std::string_view midnight = "T00:00:00Z";
    return core::parse_rfc3339(std::string(text)).has_value() ||
           core::parse_rfc3339(std::string(text) + std::string(midnight)).has_value();
}

// Takes one retired key in: `file` is its name in the folder.
Result<Done> take_retired(Keys& keys, const std::string& path, std::string_view file) {
    for (std::string_view name : {"server", "grant", "decision", "log"}) {
        std::string stem = fmt::format("{}.{}.", name, name == "server" ? "key" : "pem");
        if (!file.starts_with(stem)) continue;
        std::string_view until = file.substr(stem.size());
        if (!is_moment(until)) continue;
        auto text = config::read_file(path, key_bytes_max);
        if (!text) return pass(text);
        if (name == "server") {
            auto checked = read_key_file(path);
            if (!checked) return pass(checked);
            auto key = server_key_of(path, *text);
            if (!key) return pass(key);
            keys.retired_servers.push_back(std::move(*key));
            continue;
        }
        auto key = public_key_from_pem(*text);
        if (!key)
            return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), key.error().detail));
        if (!may_have(name, key->type))
            return fail(Trouble::invalid_input,
                        fmt::format("{}: a retired {} key must be an Ed25519 one", visible(path), name));
        keys.retired.push_back({std::string(name), std::string(until), *key});
    }
    return Done{};
}

Result<Done> load_retired(Keys& keys, const std::string& folder) {
    std::error_code error;
    std::vector<std::string> files;
    for (const auto& one : std::filesystem::directory_iterator(folder, error)) {
        if (files.size() == retired_keys_max) break;
        files.push_back(one.path().filename().string());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        auto taken = take_retired(keys, folder + "/" + file, file);
        if (!taken) return taken;
    }
    return Done{};
}

// One key for two purposes would let a signature of the one pass for the other.
Result<Done> check_apart(const Keys& keys) {
    std::vector<std::pair<std::string, PublicKey>> all{{"grant", keys.grant->public_key()},
                                                       {"decision", keys.decision->public_key()},
                                                       {"log", keys.log->public_key()}};
    for (const auto& one : keys.retired) all.emplace_back(one.name, one.public_key);
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t j = i + 1; j < all.size(); ++j)
            if (all[i].second == all[j].second && all[i].first != all[j].first)
                return fail(
                    Trouble::invalid_input,
                    fmt::format("the {} key and the {} key are the same: each purpose needs its own; move "
                                "one away and run `countersign keys create`",
                                all[i].first, all[j].first));
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
    auto grant = load_signer(settings, home, "grant");
    if (!grant) return pass(grant);
    auto decision = load_signer(settings, home, "decision");
    if (!decision) return pass(decision);
    auto log = load_signer(settings, home, "log");
    if (!log) return pass(log);
    Keys keys{std::move(*grant),        std::move(*decision), std::move(*log), std::move(*server), {}, {},
              mark_path(settings, home)};
    auto retired = load_retired(keys, keys_folder(settings, home));
    if (!retired) return pass(retired);
    auto apart = check_apart(keys);
    if (!apart) return pass(apart);
    return keys;
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
        if (held_by_command(settings, name)) continue;
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
