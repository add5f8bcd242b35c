// Clones with isomorphic-git, commits on a new branch and pushes it; prints what it saw as one line of JSON.
import fs from 'node:fs'
import git from 'isomorphic-git'
import http from 'isomorphic-git/http/node'

const [url, token, dir] = process.argv.slice(2)
const asked = []
const onAuth = (at) => (asked.push(at), { username: 'anyone', password: token })
await git.clone({ fs, http, dir, url, onAuth })
const cloned = await git.resolveRef({ fs, dir, ref: 'HEAD' })
const branch = await git.currentBranch({ fs, dir })
fs.writeFileSync(`${dir}/a.txt`, 'by isomorphic-git\n')
await git.add({ fs, dir, filepath: 'a.txt' })
const sha = await git.commit({ fs, dir, message: 'by isomorphic-git\n', author: { name: 'Writer', email: 'writer@example.test' } })
const pushed = await git.push({ fs, http, dir, onAuth, remote: 'origin', ref: branch, remoteRef: 'refs/heads/iso' })
let refused = null
try {
  await git.push({ fs, http, dir, onAuth, remote: 'origin', ref: branch, remoteRef: 'refs/heads/main' })
} catch (error) {
  refused = error.data.prettyDetails ?? error.message
}
console.log(JSON.stringify({ cloned, branch, sha, ok: pushed.ok, asked: asked.length, refused }))
