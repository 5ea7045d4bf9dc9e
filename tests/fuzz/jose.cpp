// Tokens and key sets of others, as bytes: what is read has the form it claims, and nothing unsigned is
// believed.
#include "countersign/wire/jose.hpp"

#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace {

using namespace countersign;

const VerifyingKey& somebodys_key() {
    static const auto public_key = SigningKey::from_seed({}).public_key();
    static const auto key = VerifyingKey::ed25519(countersign::as_text(public_key));
    return *key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    if (auto jws = wire::read_jws(text)) {
        COUNTERSIGN_CHECK(text.size() <= wire::jws_bytes_max && jws->claims.members() != nullptr);
        COUNTERSIGN_CHECK(!jws->key_id || jws->key_id->size() <= wire::key_id_bytes_max);
        COUNTERSIGN_CHECK(!somebodys_key().verifies(jws->signed_bytes, jws->signature));
    }
    if (auto keys = wire::read_key_set(text)) COUNTERSIGN_CHECK(keys->size() <= wire::keys_max);
    return 0;
}
