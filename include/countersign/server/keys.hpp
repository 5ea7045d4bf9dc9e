#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/base/signing.hpp"
#include "countersign/rt/clock.hpp"

// The secrets that a server keeps in files of its own, one a key; replicas share them.
namespace countersign::server {

// A key that was in use once. Its file is that of the key, with its last day or moment behind the name:
// "log.pem.2027-01-31".
struct RetiredKey {
    std::string name;  // "grant", "decision", "log"
    std::string until;
    PublicKey public_key;
};
inline constexpr std::size_t retired_keys_max = 1'000;

struct Keys {
    std::unique_ptr<const Signer> grant;     // Ed25519; signs grants
    std::unique_ptr<const Signer> decision;  // Ed25519 or P-256; signs statements of decisions
    std::unique_ptr<const Signer> log;       // Ed25519; signs checkpoints of the published log
    Secret server;                        // 32 bytes, from which keys for single purposes are derived (HKDF)
    std::vector<Secret> retired_servers;  // good for reading what they sealed
    std::vector<RetiredKey> retired;      // in the order of their names and ends
    std::string mark;                     // path of the published log's high-water mark
};
// Keys that `signing_command` holds are asked for there, which may take seconds; unavailable: it did not
// answer. invalid_input: a key is missing, is not one, two purposes share one, or others may read its file;
// the detail says what to do.
Result<Keys> load_keys(const config::Settings& settings, const std::string& home);

// Files with secrets in them that others may read or change, TLS' key among them: a sentence for each.
std::vector<std::string> loose_secrets(const config::Settings& settings);

struct KeyFile {
    std::string name;  // "server", "grant", "decision", "log"
    std::string path;
    bool made = false;  // now
};
// Makes the keys that are missing, but for those that `signing_command` holds, 0600, in the folder that
// `keys` names (unnamed: `home`/keys), or where `server_key` and `signing_key` say. What is there is read and
// never written: invalid_input when it cannot be used.
Result<std::vector<KeyFile>> create_keys(const config::Settings& settings, const std::string& home,
                                         rt::Entropy& entropy);

}  // namespace countersign::server
