#include "countersign/base/secret.hpp"

#include <openssl/crypto.h>

#include "countersign/base/crypto.hpp"

namespace countersign {

Secret::~Secret() {
    // The spare capacity is overwritten too: a move leaves bytes in the string's own small buffer.
    bytes_.resize(bytes_.capacity());
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

bool operator==(const Secret& a, const Secret& b) {
    return equal_in_constant_time(a.bytes_, b.bytes_);
}

}  // namespace countersign
