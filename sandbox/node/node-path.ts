/** Programs of the operating system are looked for where Debian installs them, whatever the user's PATH is. */
export const NODE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
