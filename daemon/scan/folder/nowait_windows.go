package folder

// noWait is nothing: no pipe lies in a folder of Windows.
const noWait = 0
