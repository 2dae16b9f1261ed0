// Package hsm gives keys that stay in a token behind PKCS#11, such as a smart card or
// an HSM. It needs cgo and the build tag pkcs11; without the tag Key refuses.
package hsm
