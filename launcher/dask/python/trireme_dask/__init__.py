"""Dask clusters that Trireme's launcher starts."""

from trireme_dask.command import LauncherError
from trireme_dask.vm_cluster import VMCluster

__all__ = ["LauncherError", "VMCluster"]
